// One run, live or saved: everything about it on a page. Neighbours: the other files of view/ are its parts.
// Invariant: each part listens to the store by itself, so that a second that comes draws only what it changes.

import { memo, useEffect, useMemo } from "react";
import { ChartPanel } from "../charts/chart_panel";
import { RunSource } from "../charts/run_source";
import { chartsOf } from "../charts/specs";
import { NOW, useRun } from "../run/store";
import type { RunStore } from "../run/store";
import { Cards } from "./cards";
import { Endpoints } from "./endpoints";
import { Errors } from "./errors";
import { Events } from "./events";
import { GeneratorHealth } from "./generator";
import { Header } from "./header";
import { Lost } from "./lost";
import { SteeringPanel } from "./steering";
import { useTheme } from "./theme";
import { Thresholds } from "./thresholds";
import { TimeBar } from "./time_bar";
import { VerdictStrip } from "./verdict";

interface Props {
  store: RunStore;
  version: string;
  onRetry?: () => void;
  /** Where the list of runs is, for saved ones. */
  back?: string | undefined;
}

export function RunPage({ store, version, onRetry, back }: Props) {
  const known = useRun(store, (all) => all.info !== null);
  const empty = useRun(store, (all) => all.version >= 0) && store.history.length === 0;
  const begun = useRun(store, (all) => all.summary !== null) || !empty;
  const canSteer = useRun(store, (all) => all.canSteer);
  useEffect(() => {
    const back = (event: KeyboardEvent) => {
      if (event.key === "Escape") store.select(NOW);
    };
    window.addEventListener("keydown", back);
    return () => window.removeEventListener("keydown", back);
  }, [store]);
  return (
    <>
      <a className="skip" href="#main" onClick={(event) => {
        // The address behind the # is the page's own.
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>Skip to the figures</a>
      <Header store={store} back={back} />
      <main id="main" tabIndex={-1}>
        <Lost store={store} onRetry={onRetry} />
        {known && begun ? <VerdictStrip store={store} /> : null}
        {canSteer ? <SteeringPanel store={store} /> : null}
        {begun ? (
          <>
            <Cards store={store} />
            <TimeBar store={store} />
            <Charts store={store} />
            <Endpoints store={store} />
            <div className="columns">
              <Errors store={store} />
              <Thresholds store={store} />
            </div>
            <div className="columns">
              <GeneratorHealth store={store} />
              <Events store={store} />
            </div>
          </>
        ) : (
          <Waiting store={store} />
        )}
      </main>
      <footer>
        LoadForge {version}
        <span className="wide-only"> · drag in a chart to look at a stretch of time, click for one second, Esc to go back</span>
      </footer>
    </>
  );
}

function Waiting({ store }: { store: RunStore }) {
  const known = useRun(store, (all) => all.info !== null);
  const lost = useRun(store, (all) => all.link === "lost");
  // The notice above says the rest.
  if (lost) return null;
  return (
    <div className="waiting" role="status">
      <div className="pulse" aria-hidden="true" />
      <h2>{known ? "Waiting for the first second" : "Connecting to the run …"}</h2>
      <p>{known ? "The run has been started. Figures come as soon as its first second is over." : "The page asks the run for what it has measured so far."}</p>
    </div>
  );
}

const Charts = memo(function Charts({ store }: { store: RunStore }) {
  const open = useRun(store, (all) => all.info?.model === "open" || (all.info?.parts ?? []).some((part) => part.model === "open"));
  const theme = useTheme();
  const source = useMemo(() => new RunSource(store), [store]);
  return (
    <section className="charts" aria-labelledby="charts-title">
      <h2 id="charts-title" className="unseen">Charts</h2>
      {chartsOf(open).map((spec) => <ChartPanel key={spec.id} spec={spec} source={source} theme={theme} />)}
    </section>
  );
});

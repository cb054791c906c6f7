// Two saved runs side by side: their figures in a table, their seconds in the same charts. Neighbours: charts/pair_source.ts.
// Invariant: it shows differences and does not judge them; `loadforge compare` says which are more than chance.

import { useEffect, useMemo } from "react";
import { ChartPanel } from "../charts/chart_panel";
import type { ChartSpec, Unit } from "../charts/face";
import { PairSource } from "../charts/pair_source";
import { count, date, difference, latency, percent, rate, span } from "../format";
import type { RunSummary } from "../run/contract";
import type { RunStore } from "../run/store";
import { MEANINGS } from "../words";
import { addressOf } from "./route";
import { useTheme } from "./theme";
import { TopBar } from "./top_bar";

interface Figure {
  label: string;
  of: (summary: RunSummary) => number | null;
  write: (value: number | null) => string;
}

const FIGURES: Figure[] = [
  { label: "Requests", of: (run) => run.requests.ok + run.requests.failed, write: count },
  { label: "Requests a second", of: (run) => run.requests.rps_mean, write: rate },
  { label: "Response p50", of: (run) => run.response_ms.p50, write: latency },
  { label: "Response p95", of: (run) => run.response_ms.p95, write: latency },
  { label: "Response p99", of: (run) => run.response_ms.p99, write: latency },
  { label: "Slowest", of: (run) => run.response_ms.max, write: latency },
  { label: "Error rate", of: (run) => run.error_rate, write: percent },
  { label: "Users at peak", of: (run) => run.users.peak, write: count },
  { label: "Lag p99", of: (run) => run.lag_ms.p99, write: latency },
];

const CHARTS: { id: string; title: string; about: string; unit: Unit; canLog?: boolean }[] = [
  { id: "done", title: "Requests done a second", about: MEANINGS.rps, unit: "rate" },
  { id: "p95", title: "Response p95", about: MEANINGS.p95, unit: "ms", canLog: true },
  { id: "error_rate", title: "Error rate", about: MEANINGS.error_rate, unit: "percent" },
  { id: "users", title: "Users", about: MEANINGS.users, unit: "count" },
];

export function Pair({ ids, stores, version }: { ids: [string, string]; stores: [RunStore, RunStore]; version: string }) {
  const source = useMemo(() => new PairSource(stores), [stores]);
  const theme = useTheme();
  const names = stores.map((store, index) => store.get().info?.name ?? ids[index] ?? "");
  const same = names[0] === names[1];
  const label = (index: 0 | 1) => (same ? `${index === 0 ? "A" : "B"} · ${date(stores[index].get().info?.started_at ?? "")}` : names[index] ?? "");
  const labelA = label(0);
  const labelB = label(1);
  const specs = useMemo<ChartSpec[]>(() => CHARTS.map((chart) => ({
    ...chart,
    least: chart.unit === "percent" || chart.unit === "count" ? 1 : 0,
    series: [
      { key: "a", label: labelA, colour: "series-1" },
      { key: "b", label: labelB, colour: "series-2" },
    ],
  })), [labelA, labelB]);
  useEffect(() => {
    document.title = `${names[0] ?? ""} beside ${names[1] ?? ""} · LoadForge`;
  });
  useEffect(() => {
    const back = (event: KeyboardEvent) => {
      if (event.key === "Escape") source.selectNow();
    };
    window.addEventListener("keydown", back);
    return () => window.removeEventListener("keydown", back);
  }, [source]);
  const [a, b] = [stores[0].get().summary, stores[1].get().summary];
  return (
    <>
      <header>
        <TopBar back />
        <div className="title">
          <h1>Two runs side by side</h1>
          <p className="meta">Whether a difference is more than chance: <code>loadforge compare {stores[0].get().resultsDir ?? ids[0]} {stores[1].get().resultsDir ?? ids[1]}</code></p>
        </div>
      </header>
      <main id="main">
        <div className="columns">
          {([0, 1] as const).map((index) => <RunHead key={index} store={stores[index]} id={ids[index]} mark={index === 0 ? "A" : "B"} />)}
        </div>
        {a && b ? <Figures a={a} b={b} /> : null}
        <section className="charts" aria-labelledby="charts-title">
          <h2 id="charts-title" className="unseen">Charts of both runs</h2>
          {specs.map((spec) => <ChartPanel key={spec.id} spec={spec} source={source} theme={theme} />)}
        </section>
      </main>
      <footer>LoadForge {version}</footer>
    </>
  );
}

function RunHead({ store, id, mark }: { store: RunStore; id: string; mark: "A" | "B" }) {
  const { info, summary } = store.get();
  return (
    <section className={`panel run-head run-${mark.toLowerCase()}`} aria-label={`Run ${mark}`}>
      <h2><span className="mark">{mark}</span> <a href={addressOf(id)}>{info?.name ?? id}</a></h2>
      <p className="meta">{[date(info?.started_at ?? ""), info?.load, span(summary?.duration_s)].filter(Boolean).join(" · ")}</p>
      {summary ? <p><span className={`badge small-badge ${summary.verdict.level.toLowerCase()}`}>{summary.verdict.level}</span> <span className="small">{summary.verdict.reasons.join("; ")}</span></p> : null}
    </section>
  );
}

function Figures({ a, b }: { a: RunSummary; b: RunSummary }) {
  return (
    <section className="panel" aria-label="Figures of both runs">
      <div className="scroll" role="region" aria-label="Table of figures" tabIndex={0}>
        <table>
          <caption className="unseen">Figures of the whole runs</caption>
          <thead>
            <tr>
              <th scope="col">Figure</th>
              <th scope="col" className="number">A</th>
              <th scope="col" className="number">B</th>
              <th scope="col" className="number">B against A</th>
            </tr>
          </thead>
          <tbody>
            {FIGURES.map((figure) => {
              const [left, right] = [figure.of(a), figure.of(b)];
              return (
                <tr key={figure.label}>
                  <th scope="row">{figure.label}</th>
                  <td className="number">{figure.write(left)}</td>
                  <td className="number">{figure.write(right)}</td>
                  <td className="number">{difference(left, right)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

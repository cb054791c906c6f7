// What run this is, how it stands, how long it still takes. Neighbours: run/store.ts counts the time.
// Invariants: time comes from the run and the browser's monotonic clock, never from its calendar; a change of state is read out.

import { useEffect, useState } from "react";
import { clock, date, span } from "../format";
import type { State } from "../run/contract";
import type { Link, RunStore } from "../run/store";
import { useRun } from "../run/store";
import { switchTheme } from "./theme";

const STATES: Record<State, string> = { starting: "starting", running: "running", paused: "paused", draining: "stopping: requests in flight may finish", finished: "finished" };
const LINKS: Record<Link, string> = { connecting: "connecting", open: "connected", lost: "connection lost", closed: "closed", saved: "saved" };

export function Header({ store, back }: { store: RunStore; back?: string | undefined }) {
  const info = useRun(store, (all) => all.info);
  const state = useRun(store, (all) => all.state);
  const link = useRun(store, (all) => all.link);
  useEffect(() => {
    document.title = info ? `${info.name} · ${link === "lost" ? "connection lost" : state === "draining" ? "stopping" : state} · LoadForge` : "LoadForge";
  }, [info, state, link]);
  return (
    <header>
      <div className="bar">
        <span className="brand">LoadForge</span>
        {back === undefined ? null : <a href={back}>all runs</a>}
        <p className="pills" role="status">
          {info ? <span className={`pill state-${link === "lost" && state !== "finished" ? "unknown" : state}`} data-state={state}>{link === "lost" && state !== "finished" ? "was " : ""}{STATES[state]}</span> : null}
          {link === "open" || link === "lost" || link === "connecting" ? <span className={`pill link-${link}`} data-link={link}>{LINKS[link]}</span> : null}
        </p>
        <button type="button" className="quiet" onClick={switchTheme} title="Switch between light and dark"><span aria-hidden="true">◐</span> theme</button>
      </div>
      {info ? (
        <>
          <div className="title">
            <h1>{info.name}</h1>
            <p className="meta">{[date(info.started_at), info.load, info.origins.join(", ")].filter((part) => part !== "").join(" · ")}</p>
          </div>
          <Progress store={store} />
        </>
      ) : <h1 className="unseen">LoadForge</h1>}
    </header>
  );
}

const LOOK_MS = 250;

function Progress({ store }: { store: RunStore }) {
  const state = useRun(store, (all) => all.state);
  const link = useRun(store, (all) => all.link);
  const info = useRun(store, (all) => all.info);
  useRun(store, (all) => all.clock);
  const [now_s, setNow] = useState(() => store.nowS());
  const goesOn = link === "open" && state !== "finished";
  useEffect(() => {
    // Whole seconds are what is written: in between nothing is drawn.
    const read = () => setNow(Math.floor(store.nowS()));
    read();
    if (!goesOn) return undefined;
    const timer = setInterval(read, LOOK_MS);
    return () => clearInterval(timer);
  }, [store, goesOn]);
  const planned_s = info?.duration_s ?? 0;
  // A run that is over stands where it ended.
  const at_s = goesOn ? now_s : store.nowS();
  const share = planned_s > 0 ? Math.min(1, at_s / planned_s) : 0;
  const words = state === "finished" ? `${span(at_s)} of ${span(planned_s)} planned` : planned_s > 0 ? `${clock(at_s)} of ${clock(planned_s)}` : clock(at_s);
  const left_s = Math.max(0, planned_s - at_s);
  return (
    <div className="progress">
      <div className="track" role="progressbar" aria-label="Progress of the run" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)} aria-valuetext={words}>
        {(info?.phases ?? []).filter((phase) => phase.role !== "measured" && planned_s > 0).map((phase) => (
          <i key={phase.name} className="unmeasured-stretch" style={{ left: `${(phase.from_s / planned_s) * 100}%`, width: `${((phase.until_s - phase.from_s) / planned_s) * 100}%` }} />
        ))}
        <b style={{ transform: `scaleX(${share})` }} />
      </div>
      <p className="small" data-progress={share.toFixed(3)}>
        <span data-elapsed={at_s.toFixed(1)}>{words}</span>
        {state === "running" && goesOn && planned_s > 0 ? <span> · {span(Math.ceil(left_s))} left</span> : null}
      </p>
    </div>
  );
}

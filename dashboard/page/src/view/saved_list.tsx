// The list of saved runs: sorted, filtered, two chosen to be seen side by side. Neighbours: saved.tsx, sort.tsx.
// Invariant: what could not be read is told, not left out.

import { useEffect, useState } from "react";
import { count, date, latency, percent, rate, span } from "../format";
import type { RunCard, RunList } from "../run/contract";
import { addressOf } from "./route";
import { SortHead, sorted, useSort } from "./sort";
import { Spark } from "./spark";
import { TopBar } from "./top_bar";

type Key = "name" | "started_at" | "duration_s" | "requests" | "rps_mean" | "p95_ms" | "p99_ms" | "error_rate";
const HEADS: { key: Key; label: string; number: boolean }[] = [
  { key: "name", label: "Run", number: false },
  { key: "started_at", label: "Started", number: false },
  { key: "duration_s", label: "length", number: true },
  { key: "requests", label: "requests", number: true },
  { key: "rps_mean", label: "/s", number: true },
  { key: "p95_ms", label: "p95", number: true },
  { key: "p99_ms", label: "p99", number: true },
  { key: "error_rate", label: "failed %", number: true },
];

export function SavedList({ list, version, onPair }: { list: RunList; version: string; onPair: (a: string, b: string) => void }) {
  const [sort, toggle] = useSort<Key>("started_at");
  const [filter, setFilter] = useState("");
  const [chosen, setChosen] = useState<string[]>([]);
  useEffect(() => {
    document.title = "Runs · LoadForge";
  }, []);
  const wanted = filter.trim().toLowerCase();
  const rows = sorted(list.runs.filter((run) => `${run.name} ${run.id} ${run.load} ${run.verdict}`.toLowerCase().includes(wanted)), sort);
  // A third run takes the place of the one chosen first.
  const choose = (id: string) => setChosen((now) => (now.includes(id) ? now.filter((other) => other !== id) : [...now, id].slice(-2)));
  const [first, second] = chosen;
  return (
    <>
      <header>
        <TopBar back={false} />
        <div className="title">
          <h1>Runs</h1>
          <p className="meta">{list.runs.length === 0 ? "There is no run in this directory." : `${count(list.runs.length)} in this directory`}</p>
        </div>
      </header>
      <main id="main">
        {list.problems.length > 0 ? (
          <div className="notice warn" role="note">
            <div>
              <h2>{count(list.problems.length)} could not be read</h2>
              <ul>{list.problems.map((problem) => <li key={problem.id}><code>{problem.id}</code>: {problem.message}</li>)}</ul>
            </div>
          </div>
        ) : null}
        <section className="panel" aria-label="Runs">
          <div className="panel-head">
            <label className="filter">
              Filter <input type="search" value={filter} onChange={(event) => setFilter(event.target.value)} />
            </label>
            <button type="button" className="main-action" disabled={second === undefined} onClick={() => {
              if (first !== undefined && second !== undefined) onPair(first, second);
            }}>
              Side by side
            </button>
            <p className="small" role="status">{["Choose two runs to see them side by side.", "Choose one more.", "Two are chosen."][chosen.length]}</p>
          </div>
          <div className="scroll" role="region" aria-label="Table of runs" tabIndex={0}>
            <table className="runs">
              <caption className="unseen">Runs of this directory</caption>
              <thead>
                <tr>
                  <th scope="col"><span className="unseen">Chosen</span></th>
                  {HEADS.map((head) => <SortHead key={head.key} name={head.key} label={head.label} number={head.number} sort={sort} onSort={toggle} />)}
                  <th scope="col">Requests a second</th>
                  <th scope="col">Thresholds</th>
                  <th scope="col">Verdict</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((run) => <Row key={run.id} run={run} chosen={chosen.includes(run.id)} onChoose={choose} />)}
                {rows.length === 0 ? <tr><td colSpan={HEADS.length + 4} className="nothing">{list.runs.length === 0 ? "A run leaves its results in a directory of its own; loadforge run makes one." : "No run has this in its name."}</td></tr> : null}
              </tbody>
            </table>
          </div>
        </section>
      </main>
      <footer>LoadForge {version}</footer>
    </>
  );
}

function Row({ run, chosen, onChoose }: { run: RunCard; chosen: boolean; onChoose: (id: string) => void }) {
  const met = run.thresholds_passed === run.thresholds;
  return (
    <tr className={chosen ? "chosen" : ""}>
      <td><input type="checkbox" checked={chosen} onChange={() => onChoose(run.id)} aria-label={`Choose ${run.id}`} /></td>
      <th scope="row" className="name">
        <a href={addressOf(run.id)}>{run.name}</a>
        <small>{run.load}{run.cut_off ? " · cut off" : run.outcome === "completed" ? "" : ` · ${run.outcome}`}</small>
      </th>
      <td className="nowrap">{date(run.started_at)}</td>
      <td className="number">{span(run.duration_s)}</td>
      <td className="number">{count(run.requests)}</td>
      <td className="number">{rate(run.rps_mean)}</td>
      <td className="number">{latency(run.p95_ms)}</td>
      <td className="number">{latency(run.p99_ms)}</td>
      <td className={`number ${run.error_rate > 0 ? "failed" : ""}`}>{percent(run.error_rate)}</td>
      <td className="spark-cell"><Spark values={run.spark} /></td>
      <td className={run.thresholds === 0 ? "" : met ? "met" : "missed"}>{run.thresholds === 0 ? "none" : `${met ? "✓" : "✗"} ${run.thresholds_passed} of ${run.thresholds} met`}</td>
      <td><span className={`badge small-badge ${run.verdict.toLowerCase()}`}>{run.verdict}</span></td>
    </tr>
  );
}

// The endpoint table: sorted and filtered as the reader likes. Neighbours: run/figures.ts makes its rows.
// Invariants: names are text, whatever they hold; however many endpoints there are, only so many rows are drawn each second.

import { useState } from "react";
import { count, latency, percent, rate } from "../format";
import type { EndpointRow } from "../run/figures";
import { endpointRows } from "../run/figures";
import type { RunStore } from "../run/store";
import { useRun } from "../run/store";
import { MEANINGS } from "../words";
import { Explained } from "./explained";
import { Spark } from "./spark";
import { SortHead, sorted, useSort } from "./sort";

type Key = "name" | "requests" | "rps" | "error_rate" | "p50_ms" | "p95_ms" | "p99_ms" | "last_p95_ms";
const HEADS: { key: Key; label: string; number: boolean }[] = [
  { key: "name", label: "Endpoint", number: false },
  { key: "requests", label: "requests", number: true },
  { key: "error_rate", label: "failed %", number: true },
  { key: "p50_ms", label: "p50", number: true },
  { key: "p95_ms", label: "p95", number: true },
  { key: "p99_ms", label: "p99", number: true },
  { key: "rps", label: "/s", number: true },
  { key: "last_p95_ms", label: "p95 now", number: true },
];
const MOST_ROWS = 25;

export function Endpoints({ store }: { store: RunStore }) {
  const selection = useRun(store, (all) => all.selection);
  const summary = useRun(store, (all) => all.summary);
  const state = useRun(store, (all) => all.state);
  const finished = state === "finished";
  useRun(store, (all) => all.version);
  const [filter, setFilter] = useState("");
  const [all, setAll] = useState(false);
  const [sort, toggle] = useSort<Key>("requests");
  const rows = endpointRows(store.history, { selection, summary, state });
  const wanted = filter.trim().toLowerCase();
  const found = rows.filter((row) => `${row.method} ${row.name}`.toLowerCase().includes(wanted));
  const ordered = sorted(found, sort);
  const shown = all ? ordered : ordered.slice(0, MOST_ROWS);
  const slowest = rows.reduce((top, row) => Math.max(top, row.p95_ms ?? 0), 0);
  const heads = finished ? HEADS.filter((head) => head.key !== "last_p95_ms") : HEADS;
  return (
    <section className="panel" aria-labelledby="endpoints-title" id="endpoints">
      <div className="panel-head">
        <h2 id="endpoints-title">
          <Explained meaning={MEANINGS.endpoint}>Endpoints</Explained>
        </h2>
        <label className="filter">
          Filter <input type="search" value={filter} onChange={(event) => setFilter(event.target.value)} />
        </label>
        <p className="small" role="status">
          {wanted === "" ? `${count(rows.length)} in all` : `${count(found.length)} of ${count(rows.length)}`}
        </p>
      </div>
      <div className="scroll" role="region" aria-label="Table of endpoints" tabIndex={0}>
        <table>
          <caption className="unseen">{selection.kind === "now" ? "Each endpoint so far, response time, and in the last second" : "Each endpoint in the time that is looked at; of percentiles the worst second"}</caption>
          <thead>
            <tr>
              {heads.map((head) => <SortHead key={head.key} name={head.key} label={head.label} number={head.number} sort={sort} onSort={toggle} />)}
              <th scope="col" className="wide-only">last minute</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => <Row key={row.key} row={row} slowest={slowest} finished={finished} />)}
            {shown.length === 0 ? (
              <tr>
                <td colSpan={heads.length + 1} className="nothing">{rows.length === 0 ? "No request is done yet." : "No endpoint has this in its name."}</td>
              </tr>
            ) : null}
          </tbody>
        </table>
      </div>
      {ordered.length > MOST_ROWS ? (
        <button type="button" className="quiet" onClick={() => setAll(!all)} aria-expanded={all}>
          {all ? `show the first ${MOST_ROWS}` : `show ${count(ordered.length - MOST_ROWS)} more`}
        </button>
      ) : null}
    </section>
  );
}

/** How slow an endpoint is beside the slowest: 0 to 3. */
function heat(p95_ms: number | null, slowest: number): number {
  if (p95_ms === null || slowest === 0) return 0;
  return Math.min(3, Math.floor((p95_ms / slowest) * 3.999));
}

function Row({ row, slowest, finished }: { row: EndpointRow; slowest: number; finished: boolean }) {
  return (
    <tr className={row.error_rate >= 0.01 ? "failing" : ""}>
      <th scope="row" className="name">
        <span className="method">{row.method}</span> {row.name}
      </th>
      <td className="number">{count(row.requests)}</td>
      <td className={`number ${row.error_rate > 0 ? "failed" : ""}`}>{percent(row.error_rate)}</td>
      <td className="number">{latency(row.p50_ms)}</td>
      <td className={`number heat-${heat(row.p95_ms, slowest)}`}>{latency(row.p95_ms)}</td>
      <td className="number">{latency(row.p99_ms)}</td>
      <td className="number">{rate(row.rps)}</td>
      {finished ? null : <td className="number">{latency(row.last_p95_ms)}</td>}
      <td className="wide-only spark-cell">
        <Spark values={row.spark} />
      </td>
    </tr>
  );
}

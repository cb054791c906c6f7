// What is said when the connection is gone, and when the run is over. Neighbours: run/connection.ts tries again.
// Invariant: figures stay; where to find them later is told.

import { useEffect, useState } from "react";
import { span } from "../format";
import { plural } from "../words";
import type { RunStore } from "../run/store";
import { useRun } from "../run/store";

/** From then on it is no hiccup of the network. */
const GONE_AFTER_MS = 10_000;

export function Lost({ store, onRetry }: { store: RunStore; onRetry: (() => void) | undefined }) {
  const link = useRun(store, (all) => all.link);
  const lostAtMs = useRun(store, (all) => all.lostAtMs);
  const state = useRun(store, (all) => all.state);
  const report = useRun(store, (all) => all.report);
  const resultsDir = useRun(store, (all) => all.resultsDir);
  const cut = useRun(store, (all) => (all.link === "saved" ? cutShort(all.summary?.outcome, all.summary?.requests.unknown ?? 0, all.summary?.duration_s, all.info?.duration_s) : null));
  const [gone, setGone] = useState(false);
  useEffect(() => {
    if (lostAtMs === null) return undefined;
    const timer = setTimeout(() => setGone(true), Math.max(0, GONE_AFTER_MS - (performance.now() - lostAtMs)));
    return () => {
      clearTimeout(timer);
      setGone(false);
    };
  }, [lostAtMs]);
  if (link === "lost") {
    return (
      <div className="notice bad" role="alert" data-notice={gone ? "gone" : "lost"}>
        <div>
          <h2>{gone ? "This run can no longer be seen" : "The connection is lost"}</h2>
          <p>
            {gone
              ? "The run was ended, or the network is gone. All figures up to that moment are below, and the page goes on trying."
              : "The page is trying again; all figures so far are kept, and those that are missed are fetched."}
            {gone && resultsDir !== null ? <> What was measured is on the disk: <code>loadforge dashboard {resultsDir}</code></> : null}
          </p>
        </div>
        {onRetry ? <button type="button" className="quiet" onClick={onRetry}>try now</button> : null}
      </div>
    );
  }
  if (cut !== null) {
    return (
      <div className="notice warn" role="note" data-notice="cut-short">
        <p>{cut}</p>
      </div>
    );
  }
  if (state === "finished" && link === "closed") {
    const seconds = Math.round(store.history.last?.at_s ?? 0);
    return (
      <div className="notice done" role="status" data-notice="finished">
        <div>
          <h2>The run is over</h2>
          <p>
            {store.history.length > 0 ? `All ${plural(seconds, "second")} are below.` : "It ended before a second was over."}
            {report !== null ? <> The report is <code>{report}</code>.</> : null}
            {resultsDir !== null ? <> This page shows the run again with <code>loadforge dashboard {resultsDir}</code></> : null}
          </p>
        </div>
      </div>
    );
  }
  return null;
}

/** What a reader must know of a saved run that did not reach its end, in the report's words. */
function cutShort(outcome: string | undefined, unknown: number, lasted_s: number | undefined, planned_s: number | undefined): string | null {
  const after = `${span(lasted_s)}${planned_s !== undefined && planned_s > 0 ? ` of the ${span(planned_s)} planned` : ""}`;
  const whole = unknown > 0 ? `Not all requests under way were waited for: what became of ${String(unknown)} of them is unknown.` : "Requests under way were given time to finish.";
  if (outcome === "interrupted") return `The run was interrupted after ${after}. ${whole}`;
  if (outcome === "aborted") return `The run was cut off after ${after}: it was killed or broke off. Requests under way at that moment are not in it.`;
  return null;
}

// The goals that were set before the run, with what was measured so far. Neighbours: format.ts writes it in a threshold's unit.
// Invariant: a mark is never told by its colour alone.

import { clock, thresholdActual } from "../format";
import type { RunStore } from "../run/store";
import { useRun } from "../run/store";
import { MEANINGS } from "../words";
import { Explained } from "./explained";

export function Thresholds({ store }: { store: RunStore }) {
  const thresholds = useRun(store, (all) => all.summary?.thresholds ?? null);
  const asked = useRun(store, (all) => all.info?.thresholds ?? null);
  const finished = useRun(store, (all) => all.state === "finished");
  return (
    <section className="panel" aria-labelledby="thresholds-title" id="thresholds">
      <div className="panel-head">
        <h2 id="thresholds-title">
          <Explained meaning={MEANINGS.threshold}>Thresholds</Explained>
        </h2>
      </div>
      {thresholds && thresholds.length > 0 ? (
        <table>
          <caption className="unseen">Thresholds with what was measured</caption>
          <thead>
            <tr>
              <th scope="col">{finished ? "Held" : "So far"}</th>
              <th scope="col">Threshold</th>
              <th scope="col" className="number">measured</th>
            </tr>
          </thead>
          <tbody>
            {thresholds.map((threshold) => (
              <tr key={threshold.expr} data-threshold={threshold.passed ? "met" : "missed"}>
                <td className={threshold.passed ? "met" : "missed"}>{threshold.passed ? "✓ met" : threshold.actual === null ? "– no sample" : "✗ not met"}</td>
                <th scope="row">
                  <code>{threshold.expr}</code>
                  {typeof threshold.broke_at_s === "number" ? <small>first broke at {clock(threshold.broke_at_s)}{threshold.ended_run ? "; it ended the run" : ""}</small> : null}
                </th>
                <td className="number">{thresholdActual(threshold.expr, threshold.actual)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p className="nothing">{asked && asked.length > 0 ? `${asked.join(", ")}: not judged yet.` : "No thresholds were set for this run."}</p>
      )}
    </section>
  );
}

// What went wrong, by kind and detail, most frequent first. Neighbours: run/history.ts adds them up for a stretch.
// Invariant: details are text, whatever a server wrote into them.

import { count } from "../format";
import { addedErrors } from "../run/history";
import type { RunStore } from "../run/store";
import { useRun } from "../run/store";
import { causeOf } from "../run/causes";
import { causeColour } from "../charts/specs";

const MOST_ROWS = 12;

export function Errors({ store }: { store: RunStore }) {
  const selection = useRun(store, (all) => all.selection);
  const summary = useRun(store, (all) => all.summary);
  const { history } = store;
  const second = selection.kind === "second" ? history.at(selection.at_s) : undefined;
  const errors = selection.kind === "now"
    ? (summary?.errors ?? addedErrors(history.seconds))
    : addedErrors(selection.kind === "range" ? history.within(selection.from_s, selection.to_s) : second ? [second] : []);
  return (
    <section className="panel" aria-labelledby="errors-title" id="errors">
      <div className="panel-head">
        <h2 id="errors-title">Errors</h2>
      </div>
      {errors.length > 0 ? (
        <table>
          <caption className="unseen">Failures by kind and detail</caption>
          <thead>
            <tr>
              <th scope="col">Kind</th>
              <th scope="col">What happened</th>
              <th scope="col" className="number">count</th>
            </tr>
          </thead>
          <tbody>
            {errors.slice(0, MOST_ROWS).map((error) => (
              <tr key={`${error.kind} ${error.detail}`}>
                <th scope="row" className="kind"><i className="swatch" style={{ color: `var(--${causeColour(causeOf(error))})` }} aria-hidden="true" />{error.kind}</th>
                <td className="name">{error.detail}</td>
                <td className="number">{count(error.count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : <p className="nothing">No request failed{selection.kind === "now" ? "" : " in this time"}.</p>}
      {errors.length > MOST_ROWS ? <p className="small">{count(errors.length - MOST_ROWS)} more kinds are in summary.json.</p> : null}
    </section>
  );
}

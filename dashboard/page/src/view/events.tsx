// What happened, newest first: who steered, a drain, a worker lost. Neighbours: run/store.ts keeps each once.
// Invariant: texts are shown as text.

import { clock } from "../format";
import type { RunStore } from "../run/store";
import { useRun } from "../run/store";

const KINDS: Record<string, string> = { steered: "steered", drain: "stop", worker_lost: "worker lost", worker_stuck: "worker stuck", worker_output: "worker says", warning: "warning" };
const BAD = new Set(["worker_lost", "worker_stuck", "warning"]);
const MOST_ROWS = 100;

export function Events({ store }: { store: RunStore }) {
  const events = useRun(store, (all) => all.events);
  const newest = events.slice(-MOST_ROWS).reverse();
  return (
    <section className="panel" aria-labelledby="events-title" id="events">
      <div className="panel-head">
        <h2 id="events-title">Events</h2>
      </div>
      {newest.length > 0 ? (
        <div className="scroll tall" role="region" aria-label="List of events" tabIndex={0}>
          <ol className="event-list" aria-live="polite">
            {newest.map((event) => (
              <li key={`${event.at_s} ${event.text}`} data-event={event.kind}>
                <span className="number">{clock(event.at_s)}</span>
                <span className={`tag ${BAD.has(event.kind) ? "bad" : ""}`}>{KINDS[event.kind] ?? event.kind}</span>
                <span className="name">{event.text}</span>
              </li>
            ))}
          </ol>
        </div>
      ) : <p className="nothing">Nothing out of the ordinary has happened.</p>}
    </section>
  );
}

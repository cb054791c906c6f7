// The verdict on the generator so far, with its reasons. Neighbours: words.ts. Invariant: a reason is never left out.

import type { RunStore } from "../run/store";
import { useRun } from "../run/store";
import { MEANINGS, VERDICT_HEADINGS } from "../words";
import { Explained } from "./explained";

export function VerdictStrip({ store }: { store: RunStore }) {
  const verdict = useRun(store, (all) => all.summary?.verdict ?? null);
  const finished = useRun(store, (all) => all.state === "finished");
  if (!verdict) return null;
  return (
    <section className={`verdict ${verdict.level.toLowerCase()}`} aria-label="Verdict" data-verdict={verdict.level}>
      <span className="badge">
        <Explained meaning={MEANINGS.verdict}>{verdict.level}</Explained>
      </span>
      <div>
        <p>
          <b>{VERDICT_HEADINGS[verdict.level]}</b>
          {finished ? "" : ", so far"}
        </p>
        {verdict.reasons.length > 0 ? <ul>{verdict.reasons.map((reason) => <li key={reason}>{reason}</li>)}</ul> : null}
      </div>
    </section>
  );
}

// Which time is looked at: buttons for the newest minutes, a scrubber for one second, the way back. Neighbours: charts choose
// stretches by dragging. Invariant: it always says what is shown, and one key or click leads back.

import { clock } from "../format";
import { NOW, useRun } from "../run/store";
import type { RunStore } from "../run/store";

const WINDOWS: { label: string; windowS: number | null }[] = [
  { label: "last minute", windowS: 60 },
  { label: "5 minutes", windowS: 300 },
  { label: "all", windowS: null },
];

export function TimeBar({ store }: { store: RunStore }) {
  const selection = useRun(store, (all) => all.selection);
  const windowS = useRun(store, (all) => all.windowS);
  const finished = useRun(store, (all) => all.state === "finished");
  useRun(store, (all) => all.version);
  const { seconds } = store.history;
  const last = seconds.length - 1;
  const chosen = selection.kind === "second" ? seconds.findIndex((second) => second.at_s >= selection.at_s - 1e-6) : last;
  const now = finished ? "the whole run" : "live";
  const words = selection.kind === "now" ? now : selection.kind === "second" ? `second ${clock(selection.at_s)}` : `${clock(selection.from_s)} to ${clock(selection.to_s)}`;
  const choose = (index: number) => {
    const second = seconds[index];
    if (!second || (index === last && !finished)) store.select(NOW);
    else store.select({ kind: "second", at_s: second.at_s });
  };
  return (
    <section className="time-bar" aria-label="Time">
      <div className="segments" role="group" aria-label="How much time charts show">
        {WINDOWS.map((choice) => (
          <button
            key={choice.label}
            type="button"
            aria-pressed={selection.kind !== "range" && windowS === choice.windowS}
            onClick={() => store.set({ windowS: choice.windowS, selection: selection.kind === "range" ? NOW : selection })}
          >
            {choice.label}
          </button>
        ))}
      </div>
      <label className="scrubber">
        <span className="unseen">Second to look at</span>
        <input type="range" min={0} max={Math.max(0, last)} value={chosen === -1 ? last : chosen} disabled={last < 1} onChange={(event) => choose(Number(event.target.value))} aria-valuetext={words} />
      </label>
      <p className="small" role="status" data-selection={selection.kind}>
        Shown: <b>{words}</b>
      </p>
      <button type="button" className={`quiet back ${selection.kind === "now" ? "idle" : ""}`} disabled={selection.kind === "now"} onClick={() => store.select(NOW)}>
        back to {now} <kbd aria-hidden="true">Esc</kbd>
      </button>
    </section>
  );
}

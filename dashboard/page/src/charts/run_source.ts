// What the charts of one run draw, out of its store. Neighbours: run/store.ts, plot.tsx. Invariant: all charts of a run show
// the same stretch of time.

import type { RunStore } from "../run/store";
import { NOW } from "../run/store";
import type { ChartSpec, PlotFrame, PlotSource } from "./face";
import type { ColumnName } from "../run/history";

/** A run is drawn at least this wide, so that its first seconds do not race across the chart. */
const NARROWEST_S = 30;

export class RunSource implements PlotSource {
  constructor(private readonly store: RunStore) {}

  readonly subscribe = (listener: () => void) => this.store.subscribe(listener);

  frame(spec: ChartSpec): PlotFrame {
    const { history } = this.store;
    const { events, info, selection } = this.store.get();
    const { from_s, to_s } = this.view();
    return {
      x: history.x,
      ys: spec.series.map((series) => history.column(series.key as ColumnName)),
      from_s,
      to_s,
      marks: events
        .filter((event) => event.kind !== "worker_output")
        .map((event) => ({ at_s: event.at_s, text: event.text, steered: event.kind === "steered" })),
      shades: (info?.phases ?? []).filter((phase) => phase.role !== "measured"),
      chosen_s: selection.kind === "second" ? selection.at_s : null,
    };
  }

  /** The stretch of time that is shown. */
  view(): { from_s: number; to_s: number } {
    const { selection, windowS, state } = this.store.get();
    if (selection.kind === "range") return selection;
    const end = this.store.history.last?.at_s ?? 0;
    if (windowS !== null) return { from_s: Math.max(0, end - windowS), to_s: Math.max(end, windowS) };
    return { from_s: 0, to_s: state === "finished" ? Math.max(end, 1) : Math.max(end, NARROWEST_S) };
  }

  selectRange(from_s: number, to_s: number): void {
    this.store.select({ kind: "range", from_s: Math.max(0, from_s), to_s });
  }

  selectSecond(at_s: number): void {
    this.store.select({ kind: "second", at_s });
  }

  selectNow(): void {
    this.store.select(NOW);
  }
}

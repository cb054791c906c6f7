// What charts of two runs side by side draw: one figure of both, from each run's own beginning. Neighbours: pair.tsx.
// Invariant: seconds of one run are never moved onto those of the other; where a run has no second there is no line.

import type { Column, ColumnName } from "../run/history";
import type { RunStore } from "../run/store";
import type { ChartSpec, PlotFrame, PlotSource } from "./face";

type View = { from_s: number; to_s: number } | null;

export class PairSource implements PlotSource {
  private listeners = new Set<() => void>();
  private view: View = null;
  private chosen_s: number | null = null;
  private readonly x: number[];
  private readonly places: [Map<number, number>, Map<number, number>];

  constructor(private readonly stores: [RunStore, RunStore]) {
    // Ends of seconds that fall together are one point.
    const round = (at_s: number) => Math.round(at_s * 1_000) / 1_000;
    const of = (store: RunStore) => new Map(store.history.x.map((at_s, index): [number, number] => [round(at_s), index]));
    this.places = [of(stores[0]), of(stores[1])];
    this.x = [...new Set([...this.places[0].keys(), ...this.places[1].keys()])].sort((a, b) => a - b);
  }

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  frame(spec: ChartSpec): PlotFrame {
    const name = spec.id as ColumnName;
    return {
      x: this.x,
      ys: [this.column(0, name), this.column(1, name)],
      from_s: this.view?.from_s ?? 0,
      to_s: this.view?.to_s ?? Math.max(1, this.x[this.x.length - 1] ?? 1),
      marks: [],
      shades: [],
      chosen_s: this.chosen_s,
    };
  }

  private column(which: 0 | 1, name: ColumnName): Column {
    const column = this.stores[which].history.column(name);
    let last: number | null = null;
    const places = this.places[which];
    const end = this.stores[which].history.last?.at_s ?? 0;
    // A point of the other run alone does not break this run's line.
    return this.x.map((at_s) => {
      const index = places.get(at_s);
      if (index !== undefined) last = column[index] ?? null;
      return at_s <= end + 1e-3 ? last : null;
    });
  }

  selectRange(from_s: number, to_s: number): void {
    this.change({ from_s: Math.max(0, from_s), to_s }, null);
  }

  selectSecond(at_s: number): void {
    this.change(this.view, at_s);
  }

  selectNow(): void {
    this.change(null, null);
  }

  private change(view: View, chosen_s: number | null): void {
    this.view = view;
    this.chosen_s = chosen_s;
    for (const listener of this.listeners) listener();
  }
}

// What a chart is, whoever draws it. Neighbours: specs.ts says which charts there are, plot.tsx draws them with uPlot, and
// measure/recharts_plot.tsx with Recharts, for the comparison. Invariant: a plot draws when its source says so and never
// through a new render of the page.

import type { Column } from "../run/history";

export type Unit = "rate" | "ms" | "count" | "percent";

export interface SeriesSpec {
  key: string;
  label: string;
  /** The name of a colour in page.css, without the dashes. */
  colour: string;
  dash?: boolean;
  /** Filled down to zero, or to the series before it in a stack. */
  fill?: boolean;
}

export interface ChartSpec {
  id: string;
  title: string;
  /** What it shows, for those who cannot see it and on hover. */
  about: string;
  unit: Unit;
  series: SeriesSpec[];
  stacked?: boolean;
  /** Percentiles: each is filled down to zero, so that they lie over each other. uPlot's own bands cut with a path, which costs. */
  bands?: boolean;
  canLog?: boolean;
  /** The axis reaches at least this far up. */
  least?: number;
}

export interface Mark {
  at_s: number;
  text: string;
  steered: boolean;
}

/** What is to be drawn now. */
export interface PlotFrame {
  x: number[];
  ys: Column[];
  from_s: number;
  to_s: number;
  marks: Mark[];
  /** Stretches that are not measured. */
  shades: { from_s: number; until_s: number }[];
  /** The second that is looked at. */
  chosen_s: number | null;
}

export interface PlotSource {
  subscribe: (listener: () => void) => () => void;
  frame: (spec: ChartSpec) => PlotFrame;
  selectRange: (from_s: number, to_s: number) => void;
  selectSecond: (at_s: number) => void;
  selectNow: () => void;
}

export interface PlotProps {
  spec: ChartSpec;
  source: PlotSource;
  log: boolean;
  theme: string;
  height: number;
  /** Told which point the reader points at; none: the last one counts. */
  onPoint: (frame: PlotFrame, index: number | null) => void;
}

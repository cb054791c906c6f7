// How axes of charts are written. Neighbours: plot.tsx. Invariant: figures read as everywhere else on the page.

import { clock, latency, rate, shortCount } from "../format";
import type { Unit } from "./face";

/** A figure of an axis. */
export function tick(unit: Unit, value: number): string {
  switch (unit) {
    case "ms":
      return value === 0 ? "0" : value >= 1_000 ? `${shortCount(value / 1_000)} s` : value >= 1 ? `${shortCount(value)} ms` : `${shortCount(Math.round(value * 1e4) / 10)} µs`;
    case "percent":
      return `${shortCount(value)} %`;
    default:
      return shortCount(value);
  }
}

/** A figure beside a series' name. */
export function figure(unit: Unit, value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  switch (unit) {
    case "ms":
      return latency(value);
    case "percent":
      return `${value.toFixed(value < 9.95 ? 1 : 0)} %`;
    case "rate":
      return rate(value);
    default:
      return shortCount(value);
  }
}

export const moment = clock;

/** Steps of the time axis in seconds: those that clocks have. */
export const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400];

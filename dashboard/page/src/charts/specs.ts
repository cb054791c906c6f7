// The charts of a run. Neighbours: face.ts says what a chart is, run/history.ts has their columns.
// Invariant: colours are names of page.css, which are those of the report.

import { CAUSES } from "../run/causes";
import type { Cause } from "../run/causes";
import type { ColumnName } from "../run/history";
import { MEANINGS } from "../words";
import type { ChartSpec, SeriesSpec } from "./face";

interface RunSeries extends SeriesSpec {
  key: ColumnName;
}
export interface RunChart extends ChartSpec {
  series: RunSeries[];
}

const CAUSE_COLOURS: Record<Cause, string> = {
  "5xx": "cause-1", "4xx": "cause-2", status: "cause-3", timeout: "cause-4", connect: "cause-5", reset: "cause-6", check: "cause-7", other: "cause-8",
};
const CAUSE_LABELS: Partial<Record<Cause, string>> = { status: "other status", other: "other errors" };

const throughput = (open: boolean): RunChart => ({
  id: "throughput",
  title: "Throughput",
  about: `Requests a second. ${MEANINGS.offered}`,
  unit: "rate",
  series: [
    ...(open ? [{ key: "target_rate" as const, label: "planned", colour: "muted", dash: true }] : []),
    { key: "offered", label: "offered", colour: "series-2" },
    { key: "sent", label: "sent", colour: "series-3" },
    { key: "done", label: "done", colour: "series-1", fill: true },
  ],
});

const RESPONSE: RunChart = {
  id: "response",
  title: "Response time",
  about: `${MEANINGS.response} p50, p95 and p99 of each second.`,
  unit: "ms",
  bands: true,
  canLog: true,
  series: [
    { key: "p50", label: "p50", colour: "band-1" },
    { key: "p95", label: "p95", colour: "band-2" },
    { key: "p99", label: "p99", colour: "band-3" },
  ],
};

// Where arrivals set the pace, users are not asked for but allowed: that line would press the others to the ground.
const users = (open: boolean): RunChart => ({
  id: "users",
  title: "Users",
  about: open
    ? "Virtual users at work, and requests that wait for an answer."
    : "Virtual users at work beside those asked for, and requests that wait for an answer.",
  unit: "count",
  least: 1,
  series: [
    ...(open ? [] : [{ key: "target" as const, label: "asked for", colour: "muted", dash: true }]),
    { key: "in_flight", label: "waiting for an answer", colour: "series-2" },
    { key: "users", label: "at work", colour: "series-4", fill: true },
  ],
});

const ERRORS: RunChart = {
  id: "errors",
  title: "Errors",
  about: "Requests that failed, a second, by the class of their status code or by what went wrong.",
  unit: "rate",
  stacked: true,
  least: 1,
  series: CAUSES.map((cause) => ({ key: cause, label: CAUSE_LABELS[cause] ?? cause, colour: CAUSE_COLOURS[cause], fill: true })),
};

const LAG: RunChart = {
  id: "lag",
  title: "Lag of the generator",
  about: MEANINGS.lag,
  unit: "ms",
  canLog: true,
  series: [
    { key: "lag_p50", label: "p50", colour: "band-1" },
    { key: "lag_p99", label: "p99", colour: "band-3" },
  ],
};

const CPU: RunChart = {
  id: "cpu",
  title: "CPU of the generator",
  about: "Of the busiest worker and of the supervisor, in percent of one CPU. Spinning is waiting without sleep, to send on time.",
  unit: "percent",
  least: 100,
  series: [
    { key: "supervisor", label: "supervisor", colour: "series-4" },
    { key: "spin", label: "spinning", colour: "series-2" },
    { key: "cpu", label: "busiest worker", colour: "series-3", fill: true },
  ],
};

/** The charts of a run in the closed or the open model; the specs themselves never change. */
const CLOSED = [throughput(false), RESPONSE, users(false), ERRORS, LAG, CPU];
const OPEN = [throughput(true), RESPONSE, users(true), ERRORS, LAG, CPU];
export const chartsOf = (open: boolean): RunChart[] => (open ? OPEN : CLOSED);

/** The colour of a cause in charts and tables. */
export const causeColour = (cause: Cause): string => CAUSE_COLOURS[cause];

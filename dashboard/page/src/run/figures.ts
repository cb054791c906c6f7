// The figures that cards and tables show for what is looked at: now, one second, a stretch, or the whole run.
// Neighbours: history.ts has the seconds, view/ shows the figures. Invariants: percentiles are never averaged: of a stretch
// the worst second is shown and called so; a change is held against the median of the ten seconds before.

import type { EndpointSecond, EndpointSummary, Percentiles, RunSummary, Second } from "./contract";
import { mergedEndpoints } from "./history";
import type { History } from "./history";
import type { RunState } from "./store";
import { clock } from "../format";

export interface Figure {
  value: number | null;
  /** The value minus the median of the ten seconds before; null where there is nothing to hold it against. */
  change: number | null;
  /** The same as a share of that median. */
  share: number | null;
}

export type CardName = "users" | "rps" | "p95" | "p99" | "error_rate";

export interface Cards {
  /** What the figures are of, in words. */
  of: string;
  /** What stands beside percentiles. */
  percentiles: string;
  figures: Record<CardName, Figure>;
}

const BEFORE = 10;

const PICK: Record<CardName, (second: Second) => number | null> = {
  users: (second) => second.users.active,
  rps: (second) => (second.length_s > 0 ? second.done / second.length_s : null),
  p95: (second) => second.response_ms?.p95 ?? null,
  p99: (second) => second.response_ms?.p99 ?? null,
  error_rate: (second) => (second.done > 0 ? second.error_rate : null),
};
const CARDS = Object.keys(PICK) as CardName[];

const alone = (value: number | null): Figure => ({ value, change: null, share: null });

function build(make: (name: CardName) => Figure): Record<CardName, Figure> {
  return Object.fromEntries(CARDS.map((name) => [name, make(name)])) as Record<CardName, Figure>;
}

export function cardsOf(history: History, { selection, state, summary }: Pick<RunState, "selection" | "state" | "summary">): Cards {
  if (selection.kind === "range") return ofStretch(history.within(selection.from_s, selection.to_s), selection);
  if (selection.kind === "now" && state === "finished" && summary) return ofWhole(summary);
  const second = selection.kind === "second" ? history.at(selection.at_s) : history.last;
  return {
    of: selection.kind === "second" && second ? `the second up to ${clock(second.at_s)}` : "the last second",
    percentiles: "",
    figures: build((name) => (second ? changed(history, second, PICK[name]) : alone(null))),
  };
}

function ofWhole(summary: RunSummary): Cards {
  const values: Record<CardName, number | null> = {
    users: summary.users.peak,
    rps: summary.requests.rps_mean,
    p95: summary.response_ms.p95,
    p99: summary.response_ms.p99,
    error_rate: summary.error_rate,
  };
  return { of: "the whole run", percentiles: "", figures: build((name) => alone(values[name])) };
}

function ofStretch(seconds: Second[], { from_s, to_s }: { from_s: number; to_s: number }): Cards {
  const sum = (pick: (second: Second) => number) => seconds.reduce((total, second) => total + pick(second), 0);
  const most = (pick: (second: Second) => number | null) => seconds.reduce<number | null>((top, second) => {
    const value = pick(second);
    return value === null ? top : Math.max(top ?? value, value);
  }, null);
  const length_s = sum((second) => second.length_s);
  const done = sum((second) => second.done);
  const values: Record<CardName, number | null> = {
    users: most(PICK.users),
    rps: length_s > 0 ? done / length_s : null,
    p95: most(PICK.p95),
    p99: most(PICK.p99),
    error_rate: done > 0 ? sum((second) => second.failed) / done : null,
  };
  return { of: `${clock(from_s)} to ${clock(to_s)}`, percentiles: "worst second", figures: build((name) => alone(values[name])) };
}

function changed(history: History, second: Second, pick: (second: Second) => number | null): Figure {
  const value = pick(second);
  const end = history.seconds.indexOf(second);
  const before = history.seconds.slice(Math.max(0, end - BEFORE), end).map(pick).filter((each) => each !== null);
  const usual = median(before);
  if (value === null || usual === null) return alone(value);
  return { value, change: value - usual, share: usual > 0 ? value / usual - 1 : null };
}

export function median(values: number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** A row of the endpoint table. */
export interface EndpointRow {
  key: string;
  method: string;
  name: string;
  requests: number;
  failed: number;
  error_rate: number;
  rps: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  /** Of the last second; null where it had no request. */
  last_p95_ms: number | null;
  /** Requests a second, over the last minute. */
  spark: number[];
}

const SPARK_SECONDS = 60;

/** The endpoints of what is looked at. */
export function endpointRows(history: History, { selection, summary, state }: Pick<RunState, "selection" | "summary" | "state">): EndpointRow[] {
  const last = history.last;
  const lastOf = new Map((last?.endpoints ?? []).map((endpoint) => [endpoint.key, endpoint]));
  if (selection.kind === "now" && summary) {
    const sparks = sparksOf(history.seconds.slice(-SPARK_SECONDS));
    const over = state === "finished";
    return summary.endpoints.map((endpoint) => {
      const row = fromSummary(endpoint, lastOf, sparks);
      return over ? { ...row, rps: endpoint.rps_mean } : row;
    });
  }
  const second = selection.kind === "second" ? history.at(selection.at_s) : undefined;
  const seconds = selection.kind === "range" ? history.within(selection.from_s, selection.to_s) : second ? [second] : history.seconds;
  const end = second ? history.seconds.indexOf(second) + 1 : history.seconds.length;
  const sparks = sparksOf(selection.kind === "range" ? seconds.slice(-SPARK_SECONDS) : history.seconds.slice(Math.max(0, end - SPARK_SECONDS), end));
  return mergedEndpoints(seconds).map((endpoint) => ({
    ...named(endpoint),
    requests: endpoint.done,
    failed: endpoint.failed,
    error_rate: endpoint.done > 0 ? endpoint.failed / endpoint.done : 0,
    rps: endpoint.rps,
    p50_ms: endpoint.p50_ms,
    p95_ms: endpoint.p95_ms,
    p99_ms: endpoint.p99_ms,
    last_p95_ms: lastOf.get(endpoint.key)?.p95_ms ?? null,
    spark: sparks.get(endpoint.key) ?? [],
  }));
}

/** A name without its method in front, which imported scenarios have there, too. */
function named({ method, name }: { method: string; name: string }): { key: string; method: string; name: string } {
  const bare = method !== "" && name.startsWith(`${method} `) ? name.slice(method.length + 1) : name;
  return { key: `${method} ${name}`, method, name: bare };
}

function keyOf(endpoint: { method: string; name: string }, known: Map<string, EndpointSecond>): string {
  const whole = `${endpoint.method} ${endpoint.name}`.trim();
  return known.has(whole) || !known.has(endpoint.name) ? whole : endpoint.name;
}

function fromSummary(endpoint: EndpointSummary, lastOf: Map<string, EndpointSecond>, sparks: Map<string, number[]>): EndpointRow {
  const key = keyOf(endpoint, lastOf);
  const last = lastOf.get(key);
  const times: Percentiles | null = endpoint.sent > 0 ? endpoint.response_ms : null;
  return {
    ...named(endpoint),
    requests: endpoint.sent,
    failed: endpoint.failed,
    error_rate: endpoint.sent > 0 ? endpoint.failed / endpoint.sent : 0,
    rps: last?.rps ?? 0,
    p50_ms: times?.p50 ?? null,
    p95_ms: times?.p95 ?? null,
    p99_ms: times?.p99 ?? null,
    last_p95_ms: last?.p95_ms ?? null,
    spark: sparks.get(key) ?? [],
  };
}

function sparksOf(seconds: Second[]): Map<string, number[]> {
  const sparks = new Map<string, number[]>();
  seconds.forEach((second, index) => {
    for (const endpoint of second.endpoints) {
      let spark = sparks.get(endpoint.key);
      if (!spark) {
        spark = new Array<number>(seconds.length).fill(0);
        sparks.set(endpoint.key, spark);
      }
      spark[index] = endpoint.rps;
    }
  });
  return sparks;
}

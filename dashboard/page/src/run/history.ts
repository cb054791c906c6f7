// The seconds of a run in order of time, and the columns that charts draw. Neighbours: store.ts fills it, charts/ and view/
// read it. Invariants: `at_s` only rises, no second is there twice, all columns are as long as `seconds`; of seconds that
// are merged counts are added and of percentiles, lag and users the greatest is kept, as the server does it.

import { CAUSES, causes } from "./causes";
import type { ErrorCount, EndpointSecond, Percentiles, RunEvent, Second } from "./contract";

export const COLUMNS = [
  "offered", "sent", "done", "target_rate", "p50", "p95", "p99", "users", "target", "in_flight",
  "lag_p50", "lag_p99", "cpu", "spin", "supervisor", "error_rate",
] as const;
export type ColumnName = (typeof COLUMNS)[number] | (typeof CAUSES)[number];
export type Column = (number | null)[];

/** More seconds than this are thinned, but for the newest. */
export const MOST_SECONDS = 7_200;
const NEWEST_KEPT = 600;
/** Two windows closer than this are the same one: times travel as text. */
const SAME_S = 1e-6;

export class History {
  seconds: Second[] = [];
  x: number[] = [];
  private columns = emptyColumns();

  get last(): Second | undefined {
    return this.seconds[this.seconds.length - 1];
  }

  get length(): number {
    return this.seconds.length;
  }

  column(name: ColumnName): Column {
    return this.columns[name];
  }

  clear(): void {
    this.seconds = [];
    this.rebuild();
  }

  /** Takes seconds in any order; says how many of them were new. */
  add(seconds: Second[]): number {
    let taken = 0;
    let inOrder = true;
    for (const second of seconds) {
      const last = this.last;
      if (!last || second.at_s > last.at_s + SAME_S) {
        this.push(second);
        taken += 1;
      } else if (!this.has(second.at_s)) {
        this.seconds.splice(this.indexAfter(second.at_s), 0, second);
        inOrder = false;
        taken += 1;
      }
    }
    if (this.seconds.length > MOST_SECONDS) {
      this.thin();
      inOrder = false;
    }
    if (!inOrder) this.rebuild();
    return taken;
  }

  /** The second that ends at `at_s` or next after it; the last when that is over. */
  at(at_s: number): Second | undefined {
    return this.seconds[Math.min(this.indexAfter(at_s - SAME_S * 2), this.seconds.length - 1)];
  }

  /** The seconds that lie within a stretch of time. */
  within(from_s: number, to_s: number): Second[] {
    return this.seconds.slice(this.indexAfter(from_s), this.indexAfter(to_s + SAME_S));
  }

  /** The first second with a later end. */
  private indexAfter(at_s: number): number {
    let low = 0;
    let high = this.seconds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.seconds[middle]?.at_s ?? 0) > at_s) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private has(at_s: number): boolean {
    const found = this.seconds[this.indexAfter(at_s - SAME_S)];
    return found !== undefined && Math.abs(found.at_s - at_s) <= SAME_S;
  }

  private push(second: Second): void {
    this.seconds.push(second);
    this.x.push(second.at_s);
    const point = pointOf(second);
    for (const name of COLUMNS) this.columns[name].push(point[name] ?? null);
    for (const name of CAUSES) this.columns[name].push(point[name] ?? null);
  }

  private rebuild(): void {
    const { seconds } = this;
    this.seconds = [];
    this.x = [];
    this.columns = emptyColumns();
    for (const second of seconds) this.push(second);
  }

  private thin(): void {
    const old = this.seconds.length - NEWEST_KEPT;
    const thinned: Second[] = [];
    for (let index = 0; index < old; index += 2) {
      const first = this.seconds[index];
      const second = index + 1 < old ? this.seconds[index + 1] : undefined;
      if (first) thinned.push(second ? merge(first, second) : first);
    }
    this.seconds = [...thinned, ...this.seconds.slice(old)];
  }
}

function emptyColumns(): Record<ColumnName, Column> {
  const all: ColumnName[] = [...COLUMNS, ...CAUSES];
  return Object.fromEntries(all.map((name): [ColumnName, Column] => [name, []])) as Record<ColumnName, Column>;
}

function pointOf(second: Second): Partial<Record<ColumnName, number | null>> {
  const per = (count: number) => (second.length_s > 0 ? count / second.length_s : null);
  const point: Partial<Record<ColumnName, number | null>> = {
    offered: per(second.offered),
    sent: per(second.sent),
    done: per(second.done),
    target_rate: second.users.target_rate,
    p50: second.response_ms?.p50 ?? null,
    p95: second.response_ms?.p95 ?? null,
    p99: second.response_ms?.p99 ?? null,
    users: second.users.active,
    target: second.users.target,
    in_flight: second.users.in_flight,
    lag_p50: second.lag_ms?.p50 ?? null,
    lag_p99: second.lag_ms?.p99 ?? null,
    cpu: greatest(second.generator.cpu_percent),
    spin: greatest(second.generator.spin_percent),
    supervisor: second.generator.supervisor_cpu_percent,
    error_rate: second.done > 0 ? second.error_rate * 100 : null,
  };
  const failures = causes(second.errors);
  for (const name of CAUSES) point[name] = per(failures[name] ?? 0);
  return point;
}

function greatest(values: number[]): number | null {
  return values.length > 0 ? Math.max(...values) : null;
}

/** Two neighbours as one window. */
export function merge(a: Second, b: Second): Second {
  const length_s = a.length_s + b.length_s;
  const done = a.done + b.done;
  const failed = a.failed + b.failed;
  return {
    ...b,
    length_s,
    merged: a.merged + b.merged,
    users: {
      active: Math.max(a.users.active, b.users.active),
      target: Math.max(a.users.target, b.users.target),
      target_rate: Math.max(a.users.target_rate, b.users.target_rate),
      in_flight: Math.max(a.users.in_flight, b.users.in_flight),
    },
    offered: a.offered + b.offered,
    sent: a.sent + b.sent,
    done,
    ok: a.ok + b.ok,
    failed,
    not_sent: a.not_sent + b.not_sent,
    iterations: a.iterations + b.iterations,
    connects: a.connects + b.connects,
    bytes_in: a.bytes_in + b.bytes_in,
    bytes_out: a.bytes_out + b.bytes_out,
    rps: length_s > 0 ? done / length_s : 0,
    error_rate: done > 0 ? failed / done : 0,
    status: added(a.status, b.status),
    errors: addedErrors([a, b]),
    response_ms: worst(a.response_ms, b.response_ms),
    service_ms: worst(a.service_ms, b.service_ms),
    lag_ms: worst(a.lag_ms, b.lag_ms),
    endpoints: mergedEndpoints([a, b]),
    generator: {
      ...b.generator,
      cpu_percent: maxima(a.generator.cpu_percent, b.generator.cpu_percent),
      spin_percent: maxima(a.generator.spin_percent, b.generator.spin_percent),
      steal_percent: maxima(a.generator.steal_percent, b.generator.steal_percent),
      supervisor_cpu_percent: Math.max(a.generator.supervisor_cpu_percent, b.generator.supervisor_cpu_percent),
      memory_bytes: Math.max(a.generator.memory_bytes, b.generator.memory_bytes),
      ring_stalls: a.generator.ring_stalls + b.generator.ring_stalls,
      paused_ms: a.generator.paused_ms + b.generator.paused_ms,
    },
    events: [...a.events, ...b.events] satisfies RunEvent[],
  };
}

function added(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const sums = { ...a };
  for (const [key, value] of Object.entries(b)) sums[key] = (sums[key] ?? 0) + value;
  return sums;
}

function maxima(a: number[], b: number[]): number[] {
  return (a.length > b.length ? a : b).map((_, index) => Math.max(a[index] ?? 0, b[index] ?? 0));
}

/** Of two windows: the least `min`, the mean of neither (it is not known), the greatest of everything else. */
export function worst(a: Percentiles | null, b: Percentiles | null): Percentiles | null {
  if (!a || !b) return a ?? b;
  const top = (name: keyof Percentiles) => Math.max(a[name], b[name]);
  return {
    min: Math.min(a.min, b.min), mean: top("mean"), p50: top("p50"), p75: top("p75"), p90: top("p90"),
    p95: top("p95"), p99: top("p99"), p999: top("p999"), max: top("max"),
  };
}

/** Failures of several seconds by kind and detail, most frequent first. */
export function addedErrors(seconds: Second[]): ErrorCount[] {
  const found = new Map<string, ErrorCount>();
  for (const second of seconds) {
    for (const error of second.errors) {
      const key = `${error.kind}\n${error.detail}`;
      const known = found.get(key);
      found.set(key, known ? { ...known, count: known.count + error.count } : error);
    }
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

/** Endpoints of several seconds: counts added, of percentiles the greatest. */
export function mergedEndpoints(seconds: Second[]): EndpointSecond[] {
  const found = new Map<string, EndpointSecond>();
  let length_s = 0;
  for (const second of seconds) {
    length_s += second.length_s;
    for (const endpoint of second.endpoints) {
      const known = found.get(endpoint.key);
      found.set(endpoint.key, known ? {
        ...known,
        done: known.done + endpoint.done,
        failed: known.failed + endpoint.failed,
        p50_ms: Math.max(known.p50_ms, endpoint.p50_ms),
        p95_ms: Math.max(known.p95_ms, endpoint.p95_ms),
        p99_ms: Math.max(known.p99_ms, endpoint.p99_ms),
      } : endpoint);
    }
  }
  return [...found.values()].map((endpoint) => ({ ...endpoint, rps: length_s > 0 ? endpoint.done / length_s : 0 }));
}

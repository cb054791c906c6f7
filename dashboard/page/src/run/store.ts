// Everything known of one run, and who wants to hear of changes. Neighbours: connection.ts and the saved pages fill it,
// view/ reads it through `useRun`, charts draw from it without React. Invariants: a state is never changed, only replaced;
// an event is kept once, however often it comes; time is counted by the browser's monotonic clock from the server's `now_s`.

import { useSyncExternalStore } from "react";
import type { EndMessage, EventMessage, Hello, RunEvent, RunInfo, RunSummary, Second, SecondMessage, State, Steering } from "./contract";
import { History } from "./history";

export type Link = "connecting" | "open" | "lost" | "closed" | "saved";

/** What part of the time is looked at: all up to now, one second, or a stretch. */
export type Selection = { kind: "now" } | { kind: "second"; at_s: number } | { kind: "range"; from_s: number; to_s: number };

export interface RunState {
  link: Link;
  /** When the connection was lost, by `performance.now()`. */
  lostAtMs: number | null;
  runId: string | null;
  info: RunInfo | null;
  state: State;
  canSteer: boolean;
  summary: RunSummary | null;
  steering: Steering;
  resultsDir: string | null;
  report: string | null;
  /** The run's time, and when it was told. */
  clock: { now_s: number; atMs: number };
  events: RunEvent[];
  /** Rises with every change of the history. */
  version: number;
  selection: Selection;
  /** How much of the newest time charts show, in seconds; none: all of it. */
  windowS: number | null;
}

const AS_PLANNED: Steering = { users: null, rate: null, paused: false };
export const NOW: Selection = { kind: "now" };
/** Events beyond this are dropped, oldest first. */
const MOST_EVENTS = 500;

const BEGIN: RunState = {
  link: "connecting", lostAtMs: null, runId: null, info: null, state: "starting", canSteer: false, summary: null,
  steering: AS_PLANNED, resultsDir: null, report: null, clock: { now_s: 0, atMs: 0 }, events: [], version: 0,
  selection: NOW, windowS: null,
};

export class RunStore {
  readonly history = new History();
  private state: RunState = BEGIN;
  private listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly get = (): RunState => this.state;

  /** The end of the last second that is held: from where a new connection goes on. */
  get since(): number {
    return this.history.last?.at_s ?? 0;
  }

  set(change: Partial<RunState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  forget(): void {
    this.history.clear();
    this.set({ ...BEGIN, windowS: this.state.windowS, version: this.state.version + 1 });
  }

  hello(hello: Hello, link: Link): void {
    this.history.add(hello.seconds);
    this.set({
      link,
      lostAtMs: null,
      runId: hello.run_id,
      info: hello.info,
      state: hello.state,
      canSteer: hello.can_steer,
      summary: hello.summary ?? this.state.summary,
      steering: hello.steering,
      resultsDir: hello.results_dir,
      clock: { now_s: hello.now_s, atMs: performance.now() },
      events: withEvents(this.state.events, [...hello.seconds.flatMap((second) => second.events), ...(hello.summary?.events ?? [])]),
      version: this.state.version + 1,
    });
  }

  second(message: SecondMessage): void {
    this.history.add([message.second]);
    this.set({
      state: message.state,
      summary: message.summary,
      steering: message.second.steering,
      clock: { now_s: message.now_s, atMs: performance.now() },
      events: withEvents(this.state.events, message.second.events),
      version: this.state.version + 1,
    });
  }

  /** Seconds that were missed. */
  fill(seconds: Second[]): void {
    if (this.history.add(seconds) === 0) return;
    const events = withEvents(this.state.events, seconds.flatMap((second) => second.events));
    this.set({ events, version: this.state.version + 1 });
  }

  event(message: EventMessage): void {
    this.set({
      state: message.state,
      steering: message.steering,
      clock: { now_s: message.now_s, atMs: performance.now() },
      events: withEvents(this.state.events, [message.event]),
    });
  }

  end(message: EndMessage): void {
    this.history.add(message.seconds);
    this.set({
      link: "closed",
      lostAtMs: null,
      state: "finished",
      canSteer: false,
      summary: message.summary,
      report: message.report,
      clock: { now_s: message.summary.duration_s, atMs: performance.now() },
      events: withEvents(this.state.events, [...message.seconds.flatMap((second) => second.events), ...message.summary.events]),
      version: this.state.version + 1,
    });
  }

  select(selection: Selection): void {
    if (selection.kind === "now" && this.state.selection.kind === "now") return;
    this.set({ selection });
  }

  /** The run's time now; it stands still when the run is over, has not begun, or can no longer be seen. */
  nowS(): number {
    const { clock, state, link } = this.state;
    const goesOn = link === "open" && state !== "finished" && state !== "starting";
    return goesOn ? clock.now_s + (performance.now() - clock.atMs) / 1_000 : clock.now_s;
  }
}

/** Events in order of time, each once: an event that is told at once comes again inside its second. */
export function withEvents(known: RunEvent[], more: RunEvent[]): RunEvent[] {
  if (more.length === 0) return known;
  const key = (event: RunEvent) => `${event.at_s.toFixed(6)} ${event.text}`;
  const seen = new Set(known.map(key));
  const fresh: RunEvent[] = [];
  for (const event of more) {
    if (seen.has(key(event))) continue;
    seen.add(key(event));
    fresh.push(event);
  }
  if (fresh.length === 0) return known;
  return [...known, ...fresh].sort((a, b) => a.at_s - b.at_s).slice(-MOST_EVENTS);
}

/** A part of a run's state; the caller is drawn again when that part is another. */
export function useRun<T>(store: RunStore, pick: (state: RunState) => T): T {
  return useSyncExternalStore(store.subscribe, () => pick(store.get()));
}

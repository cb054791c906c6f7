// The JSON that server and page speak, as docs/live-page.md says it. Neighbours: api.ts and connection.ts read it.
// Invariant: units are in names; what a summary of an older run may lack is optional here.

export type State = "starting" | "running" | "paused" | "draining" | "finished";
export type VerdictLevel = "VALID" | "SUSPECT" | "INVALID";
export type Model = "closed" | "open";

export interface Mode {
  schema: string;
  mode: "live" | "saved";
  can_steer: boolean;
  needs_token: boolean;
  version: string;
}

/** Percentiles in ms. */
export interface Percentiles {
  min: number;
  mean: number;
  p50: number;
  p75: number;
  p90: number;
  p95: number;
  p99: number;
  p999: number;
  max: number;
}

export interface RunEvent {
  at_s: number;
  kind: string;
  text: string;
}

export interface Steering {
  users: number | null;
  rate: number | null;
  paused: boolean;
}

export interface ErrorCount {
  kind: string;
  detail: string;
  count: number;
}

export interface EndpointSecond {
  key: string;
  name: string;
  method: string;
  done: number;
  failed: number;
  rps: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
}

export interface Generator {
  cpu_percent: number[];
  spin_percent: number[];
  steal_percent: number[];
  alive: boolean[];
  supervisor_cpu_percent: number;
  memory_bytes: number;
  ring_stalls: number;
  paused_ms: number;
}

/** One window of a run, or several neighbours merged. `at_s` is its end. */
export interface Second {
  at_s: number;
  length_s: number;
  phase: "running" | "draining";
  load_phase: { name: string; role: "warm_up" | "measured" | "cool_down" };
  merged: number;
  skipped: number;
  users: { active: number; target: number; target_rate: number; in_flight: number };
  offered: number;
  sent: number;
  done: number;
  ok: number;
  failed: number;
  not_sent: number;
  iterations: number;
  connects: number;
  bytes_in: number;
  bytes_out: number;
  rps: number;
  error_rate: number;
  status: Record<string, number>;
  errors: ErrorCount[];
  response_ms: Percentiles | null;
  service_ms: Percentiles | null;
  lag_ms: Percentiles | null;
  endpoints: EndpointSecond[];
  generator: Generator;
  steering: Steering;
  events: RunEvent[];
}

export interface PhaseInfo {
  name: string;
  from_s: number;
  until_s: number;
  role: string;
}

export interface PartInfo {
  name: string;
  model: Model;
  load: string;
}

/** What was asked for: run.json. */
export interface RunInfo {
  name: string;
  started_at: string;
  loadforge_version: string;
  source: string;
  origins: string[];
  model: Model;
  load: string;
  duration_s: number;
  target_peak: number;
  rate_peak?: number;
  max_rps?: number | null;
  parts?: PartInfo[];
  phases?: PhaseInfo[];
  workers: number;
  cpus: number[];
  transport: string;
  wire: string;
  target_is_local: boolean;
  notes: string[];
  thresholds: string[];
  machine?: { hostname: string; cpu_model: string; cpus_allowed: number };
}

export interface EndpointSummary {
  name: string;
  method: string;
  sent: number;
  failed: number;
  rps_mean: number;
  response_ms: Percentiles;
}

export interface Threshold {
  expr: string;
  actual: number | null;
  passed: boolean;
  broke_at_s?: number | null;
  ended_run?: boolean;
}

/** The whole run so far, or all of it: summary.json. */
export interface RunSummary {
  schema: string;
  name: string;
  started_at: string;
  duration_s: number;
  outcome: string;
  verdict: { level: VerdictLevel; reasons: string[] };
  model: Model;
  requests: {
    intended: number;
    sent: number;
    not_sent: number;
    ok: number;
    failed: number;
    unknown: number;
    lost: number;
    rps_mean: number;
    bytes_in: number;
    bytes_out: number;
  };
  measured?: { done: number; failed: number; rps_mean: number };
  error_rate: number;
  response_ms: Percentiles;
  service_ms: Percentiles;
  lag_ms: Percentiles;
  endpoints: EndpointSummary[];
  errors: ErrorCount[];
  status: Record<string, number>;
  users: { peak: number; target_peak: number };
  generator: {
    workers: number;
    workers_lost: number;
    peak_memory_bytes: number;
    ring_stalls: number;
    missed_heartbeats: number;
    throttled_ms?: number;
    paused_ms?: number;
  };
  thresholds: Threshold[];
  events: RunEvent[];
}

export interface Hello {
  type: "hello";
  schema: string;
  run_id: string;
  state: State;
  now_s: number;
  can_steer: boolean;
  info: RunInfo;
  seconds: Second[];
  summary: RunSummary | null;
  steering: Steering;
  results_dir: string | null;
}

export interface SecondMessage {
  type: "second";
  second: Second;
  summary: RunSummary;
  state: State;
  now_s: number;
}

export interface EventMessage {
  type: "event";
  event: RunEvent;
  steering: Steering;
  state: State;
  now_s: number;
}

export interface EndMessage {
  type: "end";
  summary: RunSummary;
  seconds: Second[];
  report: string | null;
}

export type Message = Hello | SecondMessage | EventMessage | EndMessage;

export type Action = "stop" | "end" | "pause" | "resume" | "users" | "rate" | "plan";

export interface Order {
  action: Action;
  value?: number;
  who?: string;
}

export interface RunCard {
  id: string;
  name: string;
  started_at: string;
  duration_s: number;
  outcome: string;
  verdict: VerdictLevel;
  requests: number;
  rps_mean: number;
  p95_ms: number | null;
  p99_ms: number | null;
  error_rate: number;
  load: string;
  spark: number[];
  thresholds_passed: number;
  thresholds: number;
  cut_off: boolean;
}

export interface RunList {
  runs: RunCard[];
  problems: { id: string; message: string }[];
}

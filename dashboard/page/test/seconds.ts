// Made-up seconds for tests. Invariant: equal arguments give equal seconds.
import type { Hello, Percentiles, RunInfo, RunSummary, Second } from "../src/run/contract";

export function percentiles(p50: number): Percentiles {
  return { min: p50 / 2, mean: p50, p50, p75: p50 * 1.2, p90: p50 * 1.5, p95: p50 * 2, p99: p50 * 4, p999: p50 * 8, max: p50 * 10 };
}

export function second(at_s: number, change: Partial<Second> = {}): Second {
  return {
    at_s, length_s: 1, phase: "running", load_phase: { name: "", role: "measured" }, merged: 1, skipped: 0,
    users: { active: 10, target: 10, target_rate: 0, in_flight: 2 },
    offered: 100, sent: 100, done: 100, ok: 100, failed: 0, not_sent: 0, iterations: 100, connects: 0, bytes_in: 1, bytes_out: 1, rps: 100, error_rate: 0,
    status: { 200: 100 }, errors: [], response_ms: percentiles(10), service_ms: percentiles(9), lag_ms: percentiles(0.1),
    endpoints: [{ key: "GET home", name: "home", method: "GET", done: 100, failed: 0, rps: 100, p50_ms: 10, p95_ms: 20, p99_ms: 40 }],
    generator: { cpu_percent: [30, 40], spin_percent: [1, 2], steal_percent: [0, 0], alive: [true, true], supervisor_cpu_percent: 1, memory_bytes: 1, ring_stalls: 0, paused_ms: 0 },
    steering: { users: null, rate: null, paused: false }, events: [],
    ...change,
  };
}

export const INFO: RunInfo = {
  name: "shop", started_at: "2026-11-21T09:30:00Z", loadforge_version: "0.1.0", source: "shop.toml", origins: ["http://127.0.0.1:1"], model: "closed", load: "10 users", duration_s: 60, target_peak: 10,
  workers: 2, cpus: [0, 1], transport: "shm", wire: "uring", target_is_local: true, notes: [], thresholds: [],
};

export function summary(change: Partial<RunSummary> = {}): RunSummary {
  return {
    schema: "loadforge.summary/1", name: "shop", started_at: INFO.started_at, duration_s: 60, outcome: "completed", verdict: { level: "VALID", reasons: [] }, model: "closed",
    requests: { intended: 100, sent: 100, not_sent: 0, ok: 100, failed: 0, unknown: 0, lost: 0, rps_mean: 100, bytes_in: 1, bytes_out: 1 },
    error_rate: 0, response_ms: percentiles(10), service_ms: percentiles(9), lag_ms: percentiles(0.1),
    endpoints: [{ name: "home", method: "GET", sent: 500, failed: 5, rps_mean: 100, response_ms: percentiles(11) }],
    errors: [], status: {}, users: { peak: 10, target_peak: 10 }, generator: { workers: 2, workers_lost: 0, peak_memory_bytes: 1, ring_stalls: 0, missed_heartbeats: 0 }, thresholds: [], events: [],
    ...change,
  };
}

export function hello(change: Partial<Hello> = {}): Hello {
  return {
    type: "hello", schema: "loadforge.live/1", run_id: "a", state: "running", now_s: 2, can_steer: false, info: INFO, seconds: [second(1), second(2)], summary: summary(),
    steering: { users: null, rate: null, paused: false }, results_dir: "results/shop", ...change,
  };
}

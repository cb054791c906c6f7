// Made-up seconds of a run: steady, with a spike, with errors, as steered. Neighbours: server.mjs sends them.
// Invariant: equal arguments give equal seconds, so that what a test sees does not depend on chance.

const ENDPOINTS = [
  ["GET", "home", 0.3, 1], ["GET", "product", 0.22, 1.6], ["GET", "search", 0.14, 3.2], ["POST", "cart", 0.1, 2.1],
  ["POST", "checkout", 0.05, 6.5], ["GET", "reviews", 0.05, 2.4], ["GET", "recommendations", 0.04, 4.4], ["GET", "account", 0.03, 1.8],
  ["GET", "orders", 0.02, 3.6], ["PUT", "profile", 0.02, 2.8], ["DELETE", "cart item", 0.015, 1.9], ["GET", "<img src=x onerror=alert(1)>", 0.015, 1.2],
];

/** A number from 0 to 1 that depends on its arguments alone. */
function noise(...seeds) {
  let state = 0x9e3779b9;
  for (const seed of seeds) state = Math.imul(state ^ (seed * 1000 + 17), 0x85ebca6b) ^ (state >>> 13);
  state = Math.imul(state ^ (state >>> 16), 0xc2b2ae35);
  return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
}

const spread = (base, share, ...seeds) => base * (1 + share * (noise(...seeds) - 0.5) * 2);

function percentiles(p50, tail) {
  const at = (factor) => p50 * (1 + (factor - 1) * tail);
  return { min: p50 * 0.6, mean: at(1.15), p50, p75: at(1.3), p90: at(1.7), p95: at(2.2), p99: at(3.9), p999: at(6.5), max: at(9) };
}

/** What the made-up target does in a second of each kind of run. */
function weather(kind, at_s) {
  const inSpike = at_s % 60 > 30 && at_s % 60 <= 42;
  if (kind === "spike" && inSpike) return { slow: 3.5, errors: 0.02, users: 2.5 };
  if (kind === "errors" && at_s > 12) return { slow: 1.8, errors: Math.min(0.28, (at_s - 12) * 0.012), users: 1 };
  return { slow: 1, errors: 0, users: 1 };
}

/** One second of a run that ends at `at_s`. */
export function secondAt(at_s, { kind = "steady", seed = 1, users = 20, model = "closed", rate = 200, steering, endpoints = ENDPOINTS.length }) {
  const { slow, errors, users: crowd } = weather(kind, at_s);
  const asked = steering.users ?? Math.round(users * crowd);
  const askedRate = model === "open" ? (steering.rate ?? rate * crowd) : 0;
  const p50 = spread(12 * slow * (1 + asked / 400), 0.12, seed, at_s, 1);
  const offered = steering.paused ? 0 : Math.round(model === "open" ? askedRate : spread((asked * 1000) / (p50 + 90), 0.06, seed, at_s, 2));
  const notSent = model === "open" && slow > 3 ? Math.round(offered * 0.04) : 0;
  const sent = offered - notSent;
  const done = Math.max(0, sent - (slow > 3 ? Math.round(sent * 0.03) : 0));
  const failed = Math.round(done * errors * spread(1, 0.3, seed, at_s, 3));
  const fives = Math.round(failed * 0.6);
  const timeouts = Math.round(failed * 0.25);
  const checks = failed - fives - timeouts;
  const counted = [
    { kind: "status", detail: "HTTP 503", count: fives },
    { kind: "timeout", detail: "no answer within 30s", count: timeouts },
    { kind: "check", detail: "body has no \"price\"", count: checks },
  ];
  const response = done > 0 ? percentiles(p50, spread(1, 0.25, seed, at_s, 4)) : null;
  const lag = done > 0 ? percentiles(spread(0.02, 0.3, seed, at_s, 5), 1.2) : null;
  return {
    at_s, length_s: 1, phase: "running", load_phase: { name: "", role: "measured" }, merged: 1, skipped: 0,
    users: { active: steering.paused ? asked : Math.max(0, asked - Math.round(noise(seed, at_s, 6))), target: asked, target_rate: askedRate, in_flight: Math.round((done * p50) / 1000) },
    offered, sent, done, ok: done - failed, failed, not_sent: notSent, iterations: done, connects: at_s < 2 ? asked : 0, bytes_in: done * 812, bytes_out: done * 140,
    rps: done, error_rate: done > 0 ? failed / done : 0,
    status: { 200: done - fives - timeouts, ...(fives > 0 && { 503: fives }), ...(timeouts > 0 && { 0: timeouts }) },
    errors: counted.filter((error) => error.count > 0),
    response_ms: response, service_ms: response, lag_ms: lag,
    endpoints: done > 0 ? someEndpoints(endpoints, done, failed, p50, seed, at_s) : [],
    generator: {
      cpu_percent: [spread(34, 0.15, seed, at_s, 7), spread(31, 0.15, seed, at_s, 8)], spin_percent: [spread(6, 0.3, seed, at_s, 9), spread(6, 0.3, seed, at_s, 10)],
      steal_percent: [0, 0], alive: [true, true], supervisor_cpu_percent: spread(1.4, 0.4, seed, at_s, 11), memory_bytes: 18_400_000, ring_stalls: 0, paused_ms: 0,
    },
    steering: { ...steering }, events: [],
  };
}

function someEndpoints(many, done, failed, p50, seed, at_s) {
  const list = [];
  for (let index = 0; index < many; index += 1) {
    const [method, name, share, factor] = ENDPOINTS[index] ?? ["GET", `page ${index}`, 0.01, 1 + (index % 7) / 3];
    const count = Math.round(done * share);
    const own = spread(p50 * factor * 0.7, 0.2, seed, at_s, index + 20);
    list.push({ key: `${method} ${name}`, name, method, done: count, failed: Math.min(count, Math.round(failed * share)), rps: count, p50_ms: own, p95_ms: own * 2.2, p99_ms: own * 3.9 });
  }
  return list.filter((endpoint) => endpoint.done > 0);
}

/** What the seconds so far come to. */
export function summaryOf(seconds, info) {
  const sum = (pick) => seconds.reduce((total, second) => total + pick(second), 0);
  const done = sum((second) => second.done);
  const failed = sum((second) => second.failed);
  const duration_s = seconds.at(-1)?.at_s ?? 0;
  const full = (pick) => {
    const known = seconds.map(pick).filter(Boolean);
    const middle = (name) => [...known].map((one) => one[name]).sort((a, b) => a - b)[Math.floor(known.length * 0.6)] ?? 0;
    return { ...Object.fromEntries(["min", "mean", "p50", "p75", "p90", "p95", "p99", "p999", "max"].map((name) => [name, middle(name)])), stddev: 1, p9999: middle("max") };
  };
  const response_ms = full((second) => second.response_ms);
  const endpoints = new Map();
  const errors = new Map();
  const status = {};
  for (const second of seconds) {
    for (const one of second.endpoints) {
      const known = endpoints.get(one.key) ?? { name: one.name, method: one.method, sent: 0, failed: 0, ms: [] };
      known.sent += one.done;
      known.failed += one.failed;
      known.ms.push(one.p50_ms);
      endpoints.set(one.key, known);
    }
    for (const error of second.errors) errors.set(error.kind, { ...error, count: (errors.get(error.kind)?.count ?? 0) + error.count });
    for (const [code, count] of Object.entries(second.status)) status[code] = (status[code] ?? 0) + count;
  }
  const error_rate = done > 0 ? failed / done : 0;
  const suspect = sum((second) => second.not_sent) > 0;
  return {
    schema: "loadforge.summary/1", name: info.name, started_at: info.started_at, duration_s, outcome: "completed",
    verdict: suspect
      ? { level: "SUSPECT", reasons: ["arrivals that were not sent: 1.2 % of those asked for found no free user (at most 1 %); it needs a higher --max-users"] }
      : { level: "VALID", reasons: [] },
    model: info.model,
    requests: {
      intended: sum((s) => s.offered), sent: sum((s) => s.sent), not_sent: sum((s) => s.not_sent), ok: done - failed, failed, unknown: 0, lost: 0,
      rps_mean: duration_s > 0 ? done / duration_s : 0, bytes_in: sum((s) => s.bytes_in), bytes_out: sum((s) => s.bytes_out), retried: 0, connects: 20, iterations: done, iterations_failed: failed,
    },
    measured: { from_s: 0, until_s: duration_s, seconds: duration_s, intended: done, not_sent: 0, done, ok: done - failed, failed, rps_mean: duration_s > 0 ? done / duration_s : 0 },
    error_rate, response_ms, service_ms: response_ms, lag_ms: full((second) => second.lag_ms),
    endpoints: [...endpoints.values()].map((one) => ({
      name: one.name, method: one.method, sent: one.sent, failed: one.failed, rps_mean: duration_s > 0 ? one.sent / duration_s : 0,
      response_ms: percentiles(one.ms.reduce((a, b) => a + b, 0) / one.ms.length, 1.1), service_ms: percentiles(1, 1), status: {}, errors: {},
    })).sort((a, b) => b.sent - a.sent),
    groups: [], metrics: [], errors: [...errors.values()].sort((a, b) => b.count - a.count), status, phases: [],
    users: { peak: Math.max(0, ...seconds.map((s) => s.users.active)), target_peak: info.target_peak },
    generator: {
      workers: 2, workers_lost: 0, cpus: [0, 1], transport: "shm", wire: "uring", cpu_percent: [34, 31], spin_percent: [6, 6], supervisor_cpu_percent: 1.4,
      peak_memory_bytes: 18_400_000, ring_stalls: 0, receive_starvations: 0, missed_heartbeats: 0, paused_ms: 0, throttled_ms: 0,
    },
    thresholds: [
      { expr: "p99 < 250ms", actual: response_ms.p99, passed: response_ms.p99 < 250 },
      { expr: "error_rate < 1%", actual: error_rate * 100, passed: error_rate < 0.01 },
    ],
    events: [],
  };
}

/** What was asked for. */
export function infoOf({ name = "shop", model = "closed", users = 20, rate = 200, duration_s = 300, started_at = "2026-11-21T09:30:00Z", phases = [] }) {
  return {
    schema: "loadforge.run/1", name, started_at, loadforge_version: "0.1.0", source: `${name}.toml`, origins: ["http://127.0.0.1:8080"], model,
    load: model === "open" ? `${rate} iterations a second, at most 500 users` : `${users} users`, duration_s, target_peak: model === "open" ? 500 : users, rate_peak: model === "open" ? rate : 0,
    max_rps: null, parts: [], phases, allow_invalid: false, max_requests: null, timeout_s: 30, graceful_stop_s: 30, seed: 1, workers: 2, cpus: [0, 1],
    transport: "shm", wire: "uring", target_is_local: true, notes: ["the target runs on this machine: both share its CPUs"], thresholds: ["p99 < 250ms", "error_rate < 1%"],
    machine: { hostname: "bench-1", kernel: "6.1", os: "Debian GNU/Linux 12", cpu_model: "AMD EPYC", cpus_allowed: 2, cpus_online: 2, memory_bytes: 8e9 },
  };
}

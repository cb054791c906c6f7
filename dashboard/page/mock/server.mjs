// A server that speaks docs/live-page.md about a made-up run, for work on the page, its tests and its measurement.
// Neighbours: figures.mjs makes the seconds. Invariant: it sends what the contract allows, and nothing else; the page's own
// files come from dist/ as they are shipped, under the same Content-Security-Policy.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { infoOf, secondAt, summaryOf } from "./figures.mjs";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
/** As in dashboard/src/assets.rs. */
const POLICY = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css" };
const VERSION = "0.1.0";
const PLANNED = () => ({ users: null, rate: null, paused: false });

/** A made-up live run and those who watch it. */
export class Mock {
  constructor(options = {}) {
    this.options = { tickMs: 1000, history: 0, kind: "steady", token: "secret", needsToken: false, dist: DIST, saved: null, ...options };
    this.info = infoOf(this.options);
    this.orders = [];
    this.reset(this.options.runId ?? "0a1b2c3d");
    this.reachable = true;
    this.http = createServer((request, response) => void this.answer(request, response));
    this.sockets = new WebSocketServer({ noServer: true });
    this.http.on("upgrade", (request, socket, head) => this.upgrade(request, socket, head));
  }

  async start(port = 0) {
    await new Promise((resolve) => this.http.listen(port, "127.0.0.1", resolve));
    this.port = this.http.address().port;
    this.origin = `http://127.0.0.1:${this.port}`;
    this.url = `${this.origin}/#token=${this.options.token}`;
    if (this.options.tickMs > 0 && !this.options.saved) this.timer = setInterval(() => this.tick(), this.options.tickMs);
    return this;
  }

  async stop() {
    clearInterval(this.timer);
    for (const client of this.sockets.clients) client.terminate();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  /** Begins a run anew, with as much history as was asked for. */
  reset(runId, history = this.options.history) {
    this.runId = runId;
    this.steering = PLANNED();
    this.seconds = [];
    this.state = "starting";
    for (let at_s = 1; at_s <= history; at_s += 1) this.seconds.push(this.makeSecond(at_s));
    if (history > 0) this.state = "running";
    this.mended = this.options.smallSummary ? summaryOf(this.seconds.slice(-60), this.info) : null;
  }

  makeSecond(at_s) {
    return secondAt(at_s, { ...this.options, steering: this.steering });
  }

  get nowS() {
    return this.seconds.at(-1)?.at_s ?? 0;
  }

  /** Summing an hour up each second would be the mock's cost, not the page's. */
  summary() {
    return this.mended ?? summaryOf(this.seconds, this.info);
  }

  tick(change = {}) {
    if (this.state === "finished") return;
    if (this.state === "starting") this.state = "running";
    const second = { ...this.makeSecond(this.nowS + 1), ...change };
    second.phase = this.state === "draining" ? "draining" : "running";
    second.events = this.pending ?? [];
    this.pending = [];
    this.seconds.push(second);
    this.send({ type: "second", second, summary: this.summary(), state: this.state, now_s: this.nowS });
    if (this.state === "draining") this.end();
    else if (this.nowS >= this.info.duration_s) this.drain("draining: the planned end");
  }

  /** Seconds that nobody was sent, and then one that says so. */
  skip(count) {
    for (let left = count; left > 0; left -= 1) this.seconds.push(this.makeSecond(this.nowS + 1));
    this.tick({ skipped: count });
  }

  drain(text) {
    this.state = "draining";
    this.tell({ at_s: this.nowS + 0.25, kind: "drain", text });
  }

  tell(event) {
    this.pending = [...(this.pending ?? []), event];
    this.send({ type: "event", event, steering: this.steering, state: this.state, now_s: event.at_s });
    return event;
  }

  end() {
    this.state = "finished";
    this.send({ type: "end", summary: this.summary(), seconds: [], report: "results/shop-20261121T093000Z/report.html" });
    for (const client of this.sockets.clients) client.close();
  }

  /** The server is gone for everybody, until `back`. */
  lose() {
    this.reachable = false;
    for (const client of this.sockets.clients) client.terminate();
  }

  back() {
    this.reachable = true;
  }

  send(message) {
    const text = JSON.stringify(message);
    for (const client of this.sockets.clients) client.send(text);
  }

  hello(since, canSteer) {
    return {
      type: "hello", schema: "loadforge.live/1", run_id: this.runId, state: this.state, now_s: this.nowS, can_steer: canSteer, info: this.info,
      seconds: this.seconds.filter((second) => second.at_s > since), summary: this.seconds.length > 0 ? this.summary() : null, steering: this.steering, results_dir: "results/shop-20261121T093000Z",
    };
  }

  upgrade(request, socket, head) {
    const query = new URL(request.url, "http://x").searchParams;
    const holds = query.get("token") === this.options.token;
    if (!this.reachable) return void socket.destroy();
    if (this.options.needsToken && !holds) return void socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    this.sockets.handleUpgrade(request, socket, head, (client) => {
      client.send(JSON.stringify(this.hello(Number(query.get("since") ?? 0), holds && this.state !== "finished")));
      if (this.state === "finished") {
        client.send(JSON.stringify({ type: "end", summary: this.summary(), seconds: [], report: null }));
        client.close();
      }
    });
  }

  async answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, "http://x");
    const holds = request.headers.authorization === `Bearer ${this.options.token}`;
    const json = (status, value) => {
      response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
      response.end(JSON.stringify(value));
    };
    if (!pathname.startsWith("/api/")) return this.file(pathname, response);
    if (!this.reachable) return void request.socket.destroy();
    if (pathname === "/api/mode") {
      return json(200, { schema: "loadforge.live/1", mode: this.options.saved ? "saved" : "live", can_steer: holds && !this.options.saved && this.state !== "finished", needs_token: this.options.needsToken, version: VERSION });
    }
    if (this.options.needsToken && !holds) return json(401, { error: { message: "a token is needed", help: "open the address that the run printed" } });
    if (this.options.saved) return this.savedRun(pathname, json);
    if (pathname === "/api/run") return json(200, { ...this.hello(Infinity, holds), seconds: [] });
    if (pathname === "/api/snapshots") return json(200, this.seconds.filter((second) => second.at_s > Number(searchParams.get("since") ?? 0)));
    if (pathname === "/api/steer" && request.method === "POST") return this.steer(request, holds, json);
    return json(404, { error: { message: "there is nothing here", help: "" } });
  }

  savedRun(pathname, json) {
    if (pathname === "/api/runs") return json(200, { runs: this.options.saved.map((run) => run.card), problems: this.options.problems ?? [] });
    const id = decodeURIComponent(pathname.slice("/api/runs/".length));
    const run = this.options.saved.find(({ card }) => card.id === id);
    return run ? json(200, run.hello) : json(404, { error: { message: `there is no run ${id}`, help: "look at the list of runs" } });
  }

  async steer(request, holds, json) {
    if (!holds) return json(401, { error: { message: "steering needs the token", help: "open the address that the run printed" } });
    let body = "";
    for await (const part of request) body += part;
    const order = JSON.parse(body);
    this.orders.push({ ...order, authorization: request.headers.authorization });
    if (["users", "rate"].includes(order.action) && !(order.value >= 0 && order.value <= 10_000)) {
      return json(400, { error: { message: `${order.value} ${order.action} cannot be set`, help: "give a number from 0 to 10000" } });
    }
    const who = order.who ?? "somebody on the live page";
    const words = { stop: "stopped the run", end: "ended the run at once", pause: "paused the run", resume: "let the run go on", plan: "went back to the plan", users: `set ${order.value} users`, rate: `set ${order.value} a second` };
    if (order.action === "pause") [this.steering, this.state] = [{ ...this.steering, paused: true }, "paused"];
    if (order.action === "resume") [this.steering, this.state] = [{ ...this.steering, paused: false }, "running"];
    if (order.action === "plan") [this.steering, this.state] = [PLANNED(), "running"];
    if (order.action === "users") this.steering = { ...this.steering, users: order.value };
    if (order.action === "rate") this.steering = { ...this.steering, rate: order.value };
    if (order.action === "stop") this.state = "draining";
    const event = this.tell({ at_s: this.nowS + 0.5, kind: "steered", text: `${who} ${words[order.action]}` });
    json(200, { event });
    if (order.action === "end") this.end();
  }

  async file(pathname, response) {
    const name = pathname === "/" ? "/index.html" : normalize(pathname);
    try {
      const bytes = await readFile(join(this.options.dist, `${name}.gz`));
      response.writeHead(200, {
        "Content-Type": TYPES[extname(name)] ?? "application/octet-stream", "Content-Encoding": "gzip",
        "Content-Security-Policy": POLICY, "Cache-Control": name === "/index.html" ? "no-store" : "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
      });
      response.end(bytes);
    } catch {
      response.writeHead(name === "/favicon.ico" ? 204 : 404).end();
    }
  }
}

/** A run as `loadforge dashboard` tells of it. */
export function savedRun(id, options) {
  const info = infoOf(options);
  const seconds = [];
  for (let at_s = 1; at_s <= info.duration_s; at_s += 1) seconds.push(secondAt(at_s, { ...options, steering: PLANNED() }));
  if (seconds.length > 0) seconds.at(-1).events = [{ at_s: info.duration_s, kind: "drain", text: "draining: the planned end" }];
  const summary = summaryOf(seconds, info);
  if (options.cutOff) summary.outcome = "aborted";
  const card = {
    id, name: info.name, started_at: info.started_at, duration_s: info.duration_s, outcome: options.cutOff ? "aborted" : "completed", verdict: summary.verdict.level, requests: summary.measured.done,
    rps_mean: summary.requests.rps_mean, p95_ms: summary.response_ms.p95, p99_ms: summary.response_ms.p99, error_rate: summary.error_rate, load: info.load, spark: seconds.slice(0, 60).map((second) => second.rps),
    thresholds_passed: summary.thresholds.filter((threshold) => threshold.passed).length, thresholds: summary.thresholds.length, cut_off: options.cutOff ?? false,
  };
  const hello = { type: "hello", schema: "loadforge.live/1", run_id: id, state: "finished", now_s: info.duration_s, can_steer: false, info, seconds, summary, steering: PLANNED(), results_dir: `results/${id}` };
  return { card, hello };
}

/** A folder of runs such as people have. */
export function sampleRuns() {
  return [
    savedRun("shop-20261121T093000Z", { name: "shop", duration_s: 120, users: 20, started_at: "2026-11-21T09:30:00Z" }),
    savedRun("shop-20261120T170200Z", { name: "shop", duration_s: 120, users: 20, kind: "spike", seed: 7, started_at: "2026-11-20T17:02:00Z" }),
    savedRun("checkout-20261119T081500Z", { name: "checkout", duration_s: 90, users: 40, kind: "errors", seed: 3, started_at: "2026-11-19T08:15:00Z", cutOff: true }),
  ];
}

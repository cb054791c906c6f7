import { expect, test } from "vitest";
import { causeOf } from "../src/run/causes";
import { History, MOST_SECONDS, merge } from "../src/run/history";
import { second } from "./seconds";

test("seconds are kept once and in order, however they come", () => {
  const history = new History();
  expect(history.add([second(1), second(2), second(5)])).toBe(3);
  expect(history.add([second(4), second(2), second(3), second(5)])).toBe(2);
  expect(history.x).toEqual([1, 2, 3, 4, 5]);
  expect(history.column("done")).toEqual([100, 100, 100, 100, 100]);
  expect(history.within(1, 3).map((each) => each.at_s)).toEqual([2, 3]);
  expect(history.at(3.5)?.at_s).toBe(4);
  expect(history.at(99)?.at_s).toBe(5);
});

test("a second in which nothing was done leaves a gap, not a zero", () => {
  const history = new History();
  history.add([second(1), second(2, { done: 0, ok: 0, rps: 0, response_ms: null, lag_ms: null, service_ms: null })]);
  expect(history.column("p95")).toEqual([20, null]);
  expect(history.column("done")).toEqual([100, 0]);
});

test("a window of another length is shown per second", () => {
  const history = new History();
  history.add([second(0.5, { length_s: 0.5 }), second(4.5, { length_s: 4, done: 200 })]);
  expect(history.column("done")).toEqual([200, 50]);
});

test("merged neighbours add counts and keep the worst percentiles", () => {
  const slow = second(2, { done: 300, failed: 30, users: { active: 25, target: 30, target_rate: 5, in_flight: 9 } });
  const merged = merge(second(1), { ...slow, response_ms: second(1).response_ms && { ...second(1).response_ms, p95: 99 } as never });
  expect([merged.at_s, merged.length_s, merged.merged, merged.done, merged.failed]).toEqual([2, 2, 2, 400, 30]);
  expect(merged.rps).toBe(200);
  expect(merged.error_rate).toBe(0.075);
  expect(merged.response_ms?.p95).toBe(99);
  expect(merged.response_ms?.min).toBe(5);
  expect(merged.users.active).toBe(25);
  expect(merged.endpoints[0]?.done).toBe(200);
});

test("a very long run is thinned, its newest seconds are not, and no request is lost", () => {
  const history = new History();
  const many = MOST_SECONDS + 1;
  history.add(Array.from({ length: many }, (_, index) => second(index + 1)));
  expect(history.length).toBeLessThan(many);
  expect(history.x.length).toBe(history.length);
  expect(history.seconds.reduce((sum, each) => sum + each.done, 0)).toBe(many * 100);
  expect(history.seconds.slice(-600).every((each) => each.merged === 1)).toBe(true);
  for (let index = 1; index < history.length; index += 1) expect(history.x[index]).toBeGreaterThan(history.x[index - 1] ?? 0);
});

test("each failure has one cause", () => {
  const rows: [string, string, string][] = [["status", "HTTP 503", "5xx"], ["status", "HTTP 404 was not expected", "4xx"], ["status", "HTTP 301", "status"], ["timeout", "", "timeout"], ["dns", "", "connect"], ["check", "", "check"], ["protocol", "", "other"]];
  for (const [kind, detail, cause] of rows) expect(causeOf({ kind, detail })).toBe(cause);
  const history = new History();
  history.add([second(1, { errors: [{ kind: "status", detail: "HTTP 503", count: 3 }, { kind: "status", detail: "HTTP 500", count: 2 }, { kind: "timeout", detail: "", count: 1 }] })]);
  expect(history.column("5xx")).toEqual([5]);
  expect(history.column("timeout")).toEqual([1]);
  expect(history.column("4xx")).toEqual([0]);
});

import { afterEach, expect, test, vi } from "vitest";
import { RunStore, withEvents } from "../src/run/store";
import { hello, second, summary } from "./seconds";

afterEach(() => vi.useRealTimers());

test("an event told at once and again inside its second is shown once", () => {
  const store = new RunStore();
  store.hello(hello(), "open");
  const event = { at_s: 2.5, kind: "steered", text: "Anna set 50 users" };
  store.event({ type: "event", event, steering: { users: 50, rate: null, paused: false }, state: "running", now_s: 2.5 });
  expect(store.get().steering.users).toBe(50);
  store.second({ type: "second", second: second(3, { events: [event], steering: { users: 50, rate: null, paused: false } }), summary: summary(), state: "running", now_s: 3 });
  expect(store.get().events).toEqual([event]);
});

test("events are in order of time, and no more than are of use", () => {
  const events = Array.from({ length: 600 }, (_, index) => ({ at_s: 600 - index, kind: "warning", text: "x" }));
  const kept = withEvents([], events);
  expect(kept.length).toBe(500);
  expect(kept[0]?.at_s).toBe(101);
  expect(kept.at(-1)?.at_s).toBe(600);
});

test("the run's time goes on by the monotonic clock, whatever the calendar says", () => {
  vi.useFakeTimers({ toFake: ["performance", "Date"] });
  const store = new RunStore();
  store.hello(hello({ now_s: 10 }), "open");
  vi.setSystemTime(new Date("1999-01-01"));
  vi.advanceTimersByTime(2_500);
  expect(store.nowS()).toBeCloseTo(12.5);
});

test("time stands still when the run is over", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const store = new RunStore();
  store.hello(hello(), "open");
  store.end({ type: "end", summary: summary({ duration_s: 60 }), seconds: [], report: null });
  vi.advanceTimersByTime(9_000);
  expect(store.nowS()).toBe(60);
});

import { expect, test } from "vitest";
import { cardsOf, endpointRows, median } from "../src/run/figures";
import { History } from "../src/run/history";
import { NOW } from "../src/run/store";
import { percentiles, second, summary } from "./seconds";

function history(): History {
  const made = new History();
  for (let at_s = 1; at_s <= 12; at_s += 1) made.add([second(at_s, { response_ms: percentiles(at_s === 12 ? 30 : 10), done: at_s === 12 ? 50 : 100 })]);
  return made;
}

test("a card holds the last second against the median of the ten before", () => {
  const cards = cardsOf(history(), { selection: NOW, state: "running", summary: null });
  expect(cards.of).toBe("the last second");
  expect(cards.figures.p95).toEqual({ value: 60, change: 40, share: 2 });
  expect(cards.figures.rps.share).toBe(-0.5);
  expect(cards.figures.users.change).toBe(0);
});

test("the first second has nothing to be held against", () => {
  const made = new History();
  made.add([second(1)]);
  expect(cardsOf(made, { selection: NOW, state: "running", summary: null }).figures.rps).toEqual({ value: 100, change: null, share: null });
});

test("of a stretch the worst second is shown, never a mean of percentiles", () => {
  const cards = cardsOf(history(), { selection: { kind: "range", from_s: 9, to_s: 12 }, state: "running", summary: null });
  expect(cards.percentiles).toBe("worst second");
  expect(cards.figures.p95.value).toBe(60);
  expect(cards.figures.rps.value).toBeCloseTo(250 / 3);
});

test("a run that is over shows its own figures, and a second of it when one is chosen", () => {
  const whole = summary({ response_ms: percentiles(7), error_rate: 0.25 });
  expect(cardsOf(history(), { selection: NOW, state: "finished", summary: whole }).figures.error_rate.value).toBe(0.25);
  const chosen = cardsOf(history(), { selection: { kind: "second", at_s: 3 }, state: "finished", summary: whole });
  expect(chosen.of).toBe("the second up to 0:03");
  expect(chosen.figures.p95.value).toBe(20);
});

test("endpoints show figures so far beside those of the last second", () => {
  const [row] = endpointRows(history(), { selection: NOW, summary: summary(), state: "running" });
  expect(row).toMatchObject({ name: "home", method: "GET", requests: 500, failed: 5, error_rate: 0.01, p95_ms: 22, last_p95_ms: 20, rps: 100 });
  expect(row?.spark.length).toBe(12);
  const over = summary({ endpoints: [{ name: "home", method: "GET", sent: 500, failed: 5, rps_mean: 42, response_ms: percentiles(11) }] });
  expect(endpointRows(history(), { selection: NOW, summary: over, state: "finished" })[0]?.rps).toBe(42);
});

test("an imported name does not carry its method twice", () => {
  const imported = summary({ endpoints: [{ name: "GET /a", method: "GET", sent: 1, failed: 0, rps_mean: 1, response_ms: percentiles(1) }] });
  expect(endpointRows(history(), { selection: NOW, summary: imported, state: "running" })[0]?.name).toBe("/a");
});

test("the median of an even number is between its two middles", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNull();
});

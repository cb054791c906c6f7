// Rows of reporter/src/format.rs and words.rs: a number must never read differently there and here.
import { expect, test } from "vitest";
import { bytes, clock, count, date, latency, percent, rate, shortCount, span, thresholdActual } from "../src/format";

test("latencies take the unit that suits them", () => {
  const rows: [number, string][] = [[0, "0 ms"], [0.000_064, "64.0 ns"], [0.0842, "84.2 µs"], [0.9996, "1.00 ms"], [1.84, "1.84 ms"], [12.34, "12.3 ms"], [999.6, "1.00 s"], [12_300, "12.3 s"], [3_600_000, "3,600 s"], [NaN, "–"]];
  for (const [ms, text] of rows) expect(latency(ms)).toBe(text);
  expect(latency(null)).toBe("–");
});

test("a small share never reads as zero nor a large one as all", () => {
  const rows: [number, string][] = [[0, "0 %"], [0.000_001, "< 0.01 %"], [0.0039, "0.39 %"], [0.009_98, "1.00 %"], [0.12, "12.0 %"], [0.999_95, "> 99.99 %"], [1, "100 %"]];
  for (const [share, text] of rows) expect(percent(share)).toBe(text);
});

test("counts, rates and bytes are grouped and scaled", () => {
  expect(count(10_482)).toBe("10,482");
  expect(count(1_234_567)).toBe("1,234,567");
  expect(shortCount(10_482)).toBe("10.5k");
  expect(shortCount(200_000)).toBe("200k");
  expect(shortCount(3_200_000)).toBe("3.2M");
  expect(rate(4.313)).toBe("4.31");
  expect(rate(12_409.2)).toBe("12,409");
  expect(bytes(812)).toBe("812 B");
  expect(bytes(999_999)).toBe("1.00 MB");
});

test("spans, clocks and dates read as people say them", () => {
  expect(span(0.47)).toBe("0.47 s");
  expect(span(5)).toBe("5 s");
  expect(span(45.2)).toBe("45 s");
  expect(span(180)).toBe("3 min");
  expect(span(185)).toBe("3 min 5 s");
  expect(span(3_725)).toBe("1 h 2 min");
  expect(clock(7.9)).toBe("0:07");
  expect(clock(0.999_999_9)).toBe("0:01");
  expect(clock(3_723)).toBe("1:02:03");
  expect(date("2026-11-21T09:30:12.5Z")).toBe("2026-11-21 09:30 UTC");
});

test("a threshold is shown in its own unit", () => {
  const rows: [string, number | null, string][] = [
    ["p99 < 500ms", 184.2, "184 ms"], ["p99 < 1.5 s@search", 2, "2.00 s"], ["lag.p99<50us", 12, "12.0 µs"], ["error_rate < 1%", 0.39, "0.39 %"], ["error_rate < 0.01", 0.0039, "0.39 %"],
    ["checks > 0.99", 0.995, "99.5 %"], ["rps > 900", 1_204.3, "1,204"], ["p99 < 500ms over 30s", 184.2, "184 ms"], ["error_rate < 1% abort after 10s@a over 2", 0.39, "0.39 %"], ["p99 < 500ms@never", null, "no sample"],
  ];
  for (const [expr, actual, text] of rows) expect(thresholdActual(expr, actual), expr).toBe(text);
});

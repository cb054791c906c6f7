// Figures as people read them: "1.84 ms", "10,482", "3 min 5 s". The rules are those of reporter/src/format.rs, so that a
// number never reads differently on the live page and in the report. Invariant: what is not a number is written as "–".

export const NONE = "–";

type Figure = number | null | undefined;

function isFigure(value: Figure): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** Three significant digits; whole numbers from 1,000 on keep all of theirs. */
function significant(value: number): string {
  const size = Math.abs(value);
  if (size >= 999.5) return grouped(value.toFixed(0));
  if (size >= 99.95) return value.toFixed(0);
  if (size >= 9.995) return value.toFixed(1);
  if (size >= 0.9995) return value.toFixed(2);
  return value.toFixed(3);
}

/** A latency given in ms: "84.2 µs", "1.84 ms", "12.3 s". */
export function latency(ms: Figure): string {
  if (!isFigure(ms)) return NONE;
  if (ms === 0) return "0 ms";
  const size = Math.abs(ms);
  if (size < 0.000_999_5) return `${significant(ms * 1e6)} ns`;
  if (size < 0.9995) return `${significant(ms * 1e3)} µs`;
  if (size < 999.5) return `${significant(ms)} ms`;
  return `${significant(ms / 1e3)} s`;
}

/** A share from 0 to 1: "0 %", "0.39 %", "12.0 %". */
export function percent(share: Figure): string {
  if (!isFigure(share)) return NONE;
  const value = share * 100;
  if (value === 0) return "0 %";
  if (value > 0 && value < 0.01) return "< 0.01 %";
  if (value > 99.99 && value < 100) return "> 99.99 %";
  return value < 0.9995 ? `${value.toFixed(2)} %` : `${significant(value)} %`;
}

/** A percentage as it was measured: "43 %". */
export function percentage(value: Figure): string {
  if (!isFigure(value)) return NONE;
  return `${value.toFixed(value > 0 && value < 9.95 ? 1 : 0)} %`;
}

export function count(value: Figure): string {
  return isFigure(value) ? grouped(value.toFixed(0)) : NONE;
}

/** A count in few characters, for axes: "982", "10.5k", "3.20M". */
export function shortCount(value: Figure): string {
  if (!isFigure(value)) return NONE;
  const size = Math.abs(value);
  if (size < 10) return String(Number(value.toFixed(2)));
  if (size < 9_999.5) return value.toFixed(0);
  if (size < 999_500) return `${trimmed(significant(value / 1e3))}k`;
  return `${trimmed(significant(value / 1e6))}M`;
}

function trimmed(number: string): string {
  return number.includes(".") ? number.replace(/\.?0+$/, "") : number;
}

/** Something per second: "582", "4.31", "12,409". */
export function rate(perS: Figure): string {
  if (!isFigure(perS)) return NONE;
  if (perS === 0) return "0";
  return Math.abs(perS) < 99.95 ? significant(perS) : grouped(perS.toFixed(0));
}

export function bytes(value: Figure): string {
  if (!isFigure(value)) return NONE;
  if (value < 1_000) return `${value.toFixed(0)} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let scaled = value / 1e3;
  let unit = 0;
  while (scaled >= 999.5 && unit + 1 < units.length) {
    scaled /= 1e3;
    unit += 1;
  }
  return `${significant(scaled)} ${units[unit] ?? ""}`;
}

/** A span of time in words: "0.47 s", "45 s", "3 min 5 s", "1 h 2 min". */
export function span(seconds: Figure): string {
  if (!isFigure(seconds) || seconds < 0) return NONE;
  if (seconds < 9.95 && seconds >= 0.995) return `${trimmed(seconds.toFixed(1))} s`;
  if (seconds < 0.995) return `${trimmed(seconds.toFixed(2))} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return whole % 60 === 0 ? `${whole / 60} min` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}

/** A moment of a run: "0:07", "12:40", "1:02:03". */
export function clock(seconds: Figure): string {
  const whole = isFigure(seconds) ? Math.max(0, Math.floor(seconds + 1e-6)) : 0;
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3_600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A date of a run as text that does not depend on where the browser is: "2026-11-21 09:30 UTC". */
export function date(rfc3339: string): string {
  const found = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})/.exec(rfc3339);
  return found ? `${found[1] ?? ""} ${found[2] ?? ""} UTC` : rfc3339;
}

/** What a threshold measured, in its own unit; the rules are those of reporter/src/words.rs. */
export function thresholdActual(expr: string, actual: number | null): string {
  if (!isFigure(actual)) return "no sample";
  const condition = (expr.split("@")[0] ?? "").replace(/\s+(over|abort)\b.*$/, "");
  const unit = /[\d.]\s*(ms|us|µs|s|%)?\s*$/.exec(condition)?.[1];
  switch (unit) {
    case "ms":
      return latency(actual);
    case "us":
    case "µs":
      return latency(actual / 1e3);
    case "s":
      return latency(actual * 1e3);
    case "%":
      return percent(actual / 100);
    default:
      return /error_rate|checks/.test(condition) ? percent(actual) : rate(actual);
  }
}

/** How much b is more or less than a: "+50.0 %". */
export function difference(a: number | null, b: number | null): string {
  if (a === null || b === null) return "–";
  if (a === b) return "the same";
  if (a === 0) return "from zero";
  const share = b / a - 1;
  return `${share > 0 ? "+" : "−"}${percent(Math.abs(share))}`;
}

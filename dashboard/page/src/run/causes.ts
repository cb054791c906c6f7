// Failures by what is shown in one colour: the class of the status code, or the kind. Neighbours: history.ts makes columns of
// them, charts/specs.ts gives them colours. Invariant: every failure has exactly one cause.

import type { ErrorCount } from "./contract";

/** In the order in which they are stacked, from below. */
export const CAUSES = ["5xx", "4xx", "status", "timeout", "connect", "reset", "check", "other"] as const;
export type Cause = (typeof CAUSES)[number];

/** The cause of a failure; a status failure's class is read from its detail, such as "HTTP 503". */
export function causeOf(error: { kind: string; detail: string }): Cause {
  switch (error.kind) {
    case "status": {
      const digit = /\b([1-5])\d\d\b/.exec(error.detail)?.[1];
      return digit === "5" ? "5xx" : digit === "4" ? "4xx" : "status";
    }
    case "timeout":
    case "connect":
    case "reset":
    case "check":
      return error.kind;
    case "dns":
    case "tls":
      return "connect";
    default:
      return "other";
  }
}

/** Failures added up by cause. */
export function causes(errors: ErrorCount[]): Partial<Record<Cause, number>> {
  const sums: Partial<Record<Cause, number>> = {};
  for (const error of errors) {
    const cause = causeOf(error);
    sums[cause] = (sums[cause] ?? 0) + error.count;
  }
  return sums;
}

// What the words of the page mean, told on hover and focus. The meanings are those of the report's glossary
// (reporter/src/html/glossary.rs) and of docs/glossary.md. Invariant: a word means the same here and there.

export const MEANINGS = {
  users: "Virtual users at work: simulated people who send a request, wait for the answer, think, and go on.",
  rps: "Requests done in a second.",
  response: "From the moment a request was meant to be sent until its answer was whole. It includes any waiting before sending, so it is what a user would feel.",
  p50: "Half of the requests were done within this time.",
  p95: "The response time within which 95 of 100 requests were done. A mean hides the slow ones, percentiles show them.",
  p99: "The response time within which 99 of 100 requests were done.",
  error_rate: "The share of the requests done that failed: no answer, a status that the test does not accept, or an answer that failed a check.",
  lag: "How late the generator sent a request, after the moment it was meant to. It should be tiny.",
  offered: "The same requests at three times: when they were due (offered), when they left (sent), when they were over (done).",
  endpoint: "A kind of request with a name of its own, such as “search”.",
  threshold: "A goal that was set before the run, such as “p99 below 500 ms”.",
  verdict: "Whether the generator was fit to measure. VALID: trust the figures. SUSPECT: read the reasons first. INVALID: do not use them. It says nothing about whether the server was good.",
  spinning: "Waiting for the next moment to send without sleeping, to be on time. It uses CPU that nobody else needs.",
  steal: "Time in which the host of a virtual machine gave its CPU to others. What is measured then is partly that.",
  not_sent: "Requests that were due but never begun.",
  target_rate: "Iterations a second that the plan asks for.",
  paused: "Time in which something took the CPU from a worker that was waiting to send on time.",
  stalls: "Times a worker found no room to hand over what it measured, and had to put it aside.",
} as const;
export type Term = keyof typeof MEANINGS;

/** A noun in the number that fits: "1 second", "2 seconds". */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** The verdict as a heading, in the report's words. */
export const VERDICT_HEADINGS = {
  VALID: "These figures can be trusted",
  SUSPECT: "Read this before using the figures",
  INVALID: "Do not use these figures",
} as const;

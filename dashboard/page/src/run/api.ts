// Questions to the server, with the token. Neighbours: connection.ts has the WebSocket, view/ asks for runs and steers.
// Invariant: the token travels in a header, and in the address of /ws alone; it never stays in the address bar.

import type { Hello, Mode, Order, RunEvent, RunList, Second } from "./contract";

const TOKEN_KEY = "loadforge.token";

/** The server's refusal, or that it cannot be reached (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly help: string,
  ) {
    super(message);
  }
}

let token = "";

/** Takes the token out of `#token=…`, or out of this tab's memory. */
export function takeToken(): void {
  const found = /^#token=([^&]+)/.exec(location.hash)?.[1];
  if (found !== undefined) {
    setToken(decodeURIComponent(found));
    window.history.replaceState(null, "", location.pathname + location.search);
    return;
  }
  try {
    token = sessionStorage.getItem(TOKEN_KEY) ?? "";
  } catch {
    token = "";
  }
}

export function setToken(value: string): void {
  token = value;
  try {
    sessionStorage.setItem(TOKEN_KEY, value);
  } catch {
    // A browser that keeps nothing asks again after a reload.
  }
}

export function hasToken(): boolean {
  return token !== "";
}

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const headers = new Headers(init.headers);
  if (token !== "") headers.set("Authorization", `Bearer ${token}`);
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, headers, cache: "no-store" });
  } catch {
    throw new ApiError(0, "the server cannot be reached", "");
  }
  if (!answer.ok) throw await refusal(answer);
  return (await answer.json()) as T;
}

async function refusal(answer: Response): Promise<ApiError> {
  try {
    const { error } = (await answer.json()) as { error: { message: string; help: string } };
    return new ApiError(answer.status, error.message, error.help);
  } catch {
    return new ApiError(answer.status, `the server answered ${answer.status}`, "");
  }
}

export const mode = () => ask<Mode>("/api/mode");
export const run = () => ask<Hello>("/api/run");
export const snapshots = (since: number) => ask<Second[]>(`/api/snapshots?since=${since}`);
export const savedRuns = () => ask<RunList>("/api/runs");
export const savedRun = (id: string) => ask<Hello>(`/api/runs/${encodeURIComponent(id)}`);
export const steer = (order: Order) =>
  ask<{ event: RunEvent }>("/api/steer", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(order) });

/** The address of the WebSocket that goes on after `since`. */
export function socketAddress(since: number): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const query = new URLSearchParams({ since: String(since) });
  if (token !== "") query.set("token", token);
  return `${scheme}//${location.host}/ws?${query.toString()}`;
}

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Connection } from "../src/run/connection";
import type { Message, Second } from "../src/run/contract";
import { RunStore } from "../src/run/store";
import { hello, second, summary } from "./seconds";

class FakeSocket {
  static opened: FakeSocket[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;
  constructor(readonly address: string) {
    FakeSocket.opened.push(this);
  }
  close(): void {
    this.closed = true;
  }
  say(message: Message): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  break(): void {
    this.onclose?.();
  }
  get since(): string | null {
    return new URL(this.address).searchParams.get("since");
  }
}

let answer: (path: string) => { status: number; body: unknown };
const refused = vi.fn();

function start(): { store: RunStore; newest: () => FakeSocket } {
  const store = new RunStore();
  new Connection(store, { refused }).start();
  const newest = () => {
    const socket = FakeSocket.opened.at(-1);
    if (!socket) throw new Error("no connection was opened");
    return socket;
  };
  return { store, newest };
}

const tick = (at_s: number, change: Partial<Second> = {}): Message => ({ type: "second", second: second(at_s, change), summary: summary(), state: "running", now_s: at_s });

beforeEach(() => {
  vi.useFakeTimers();
  refused.mockReset();
  FakeSocket.opened = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  answer = () => ({ status: 200, body: hello() });
  vi.stubGlobal("fetch", (path: string) => {
    const { status, body } = answer(path);
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a lost connection goes on behind the last second, without gaps or doubles", async () => {
  const { store, newest } = start();
  newest().say(hello());
  newest().say(tick(3));
  expect(store.get().link).toBe("open");
  newest().break();
  expect(store.get().link).toBe("lost");
  expect(store.history.length).toBe(3);
  await vi.advanceTimersByTimeAsync(250);
  expect(newest().since).toBe("3");
  newest().say(hello({ seconds: [second(4), second(5)], now_s: 5 }));
  expect(store.get().link).toBe("open");
  expect(store.history.x).toEqual([1, 2, 3, 4, 5]);
});

test("it tries again after 0.25 s, and ever later up to 5 s", async () => {
  const { newest } = start();
  newest().say(hello());
  const waits = [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000];
  for (const [index, wait] of waits.entries()) {
    newest().break();
    await vi.advanceTimersByTimeAsync(wait - 1);
    expect(FakeSocket.opened.length).toBe(index + 1);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.opened.length).toBe(index + 2);
  }
});

test("another run's figures are never mixed in", () => {
  const { store, newest } = start();
  newest().say(hello({ seconds: [second(1), second(2), second(9)] }));
  newest().break();
  vi.advanceTimersByTime(250);
  const stale = newest();
  stale.say(hello({ run_id: "b", seconds: [second(10)] }));
  expect(store.history.length).toBe(0);
  expect(newest().since).toBe("0");
  stale.say(tick(11));
  expect(store.history.length).toBe(0);
  newest().say(hello({ run_id: "b", seconds: [second(1, { done: 7 })] }));
  expect(store.history.column("done")).toEqual([7]);
  expect(store.get().runId).toBe("b");
});

test("seconds that a slow page was not sent are fetched", async () => {
  const { store, newest } = start();
  newest().say(hello());
  answer = (path) => ({ status: 200, body: path === "/api/snapshots?since=2" ? [second(3), second(4), second(5)] : null });
  newest().say(tick(5, { skipped: 2 }));
  expect(store.history.x).toEqual([1, 2, 5]);
  await vi.advanceTimersByTimeAsync(1);
  expect(store.history.x).toEqual([1, 2, 3, 4, 5]);
});

test("an end is an end: nothing is tried again", () => {
  const { store, newest } = start();
  newest().say(hello());
  newest().say({ type: "end", summary: summary(), seconds: [second(3)], report: "results/shop/report.html" });
  newest().break();
  vi.advanceTimersByTime(60_000);
  expect(FakeSocket.opened.length).toBe(1);
  expect(store.get()).toMatchObject({ link: "closed", state: "finished", report: "results/shop/report.html" });
  expect(store.history.length).toBe(3);
});

test("a token that is refused is asked for, not tried for ever", async () => {
  const { newest } = start();
  answer = () => ({ status: 401, body: { error: { message: "a token is needed", help: "" } } });
  newest().break();
  await vi.advanceTimersByTimeAsync(1);
  expect(refused).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(FakeSocket.opened.length).toBe(1);
});

test("a connection that never greets is given up", async () => {
  const { newest } = start();
  const silent = newest();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(silent.closed).toBe(true);
});

// Keeps a page connected to a live run. Neighbours: store.ts takes what comes. Invariants: after a loss it goes on behind the
// last second held, so there are neither gaps nor doubles; another run's figures are never mixed in; only an `end`, or a run
// that had finished before, means that the run is over.

import { ApiError, run, snapshots, socketAddress } from "./api";
import type { Message } from "./contract";
import type { RunStore } from "./store";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** A connection that is not there after this is given up and tried again. */
const HELLO_WITHIN_MS = 10_000;

export interface Hooks {
  /** The server wants another token. */
  refused: () => void;
}

export class Connection {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private waitMs = FIRST_WAIT_MS;
  private stopped = false;

  constructor(
    private readonly store: RunStore,
    private readonly hooks: Hooks,
  ) {}

  start(): void {
    this.stopped = false;
    this.open();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
  }

  /** Tries at once, for the impatient. */
  retry(): void {
    if (this.stopped || this.store.get().link !== "lost") return;
    this.waitMs = FIRST_WAIT_MS;
    this.reopen(0);
  }

  private reopen(afterMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), afterMs);
  }

  private open(): void {
    this.socket?.close();
    const socket = new WebSocket(socketAddress(this.store.since));
    this.socket = socket;
    let greeted = false;
    const patience = setTimeout(() => {
      if (!greeted) socket.close();
    }, HELLO_WITHIN_MS);
    socket.onmessage = (event: MessageEvent<string>) => {
      if (socket !== this.socket) return;
      greeted = true;
      this.take(JSON.parse(event.data) as Message);
    };
    socket.onclose = () => {
      clearTimeout(patience);
      if (socket === this.socket) void this.closed(greeted);
    };
  }

  private take(message: Message): void {
    const { store } = this;
    switch (message.type) {
      case "hello": {
        const known = store.get().runId;
        if (known !== null && known !== message.run_id && store.since > 0) {
          // Another run at the same address: this one's history is asked for from its beginning.
          store.forget();
          this.open();
          return;
        }
        this.waitMs = FIRST_WAIT_MS;
        store.hello(message, message.state === "finished" ? "closed" : "open");
        return;
      }
      case "second": {
        const before = store.since;
        store.second(message);
        if (message.second.skipped > 0) void this.fill(before);
        return;
      }
      case "event":
        store.event(message);
        return;
      case "end":
        store.end(message);
    }
  }

  private async fill(since: number): Promise<void> {
    try {
      this.store.fill(await snapshots(since));
    } catch {
      // The next connection asks for what is behind the last second; what is missing in between stays a gap in the charts.
    }
  }

  private async closed(greeted: boolean): Promise<void> {
    this.socket = null;
    if (this.stopped || this.store.get().link === "closed") return;
    this.store.set({ link: "lost", canSteer: false, clock: { now_s: this.store.nowS(), atMs: performance.now() }, lostAtMs: this.store.get().lostAtMs ?? performance.now() });
    this.reopen(this.waitMs);
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
    // A refused token looks like any other failure on a WebSocket: the same question by fetch tells it apart.
    if (!greeted && (await isRefused())) {
      this.stop();
      this.hooks.refused();
    }
  }
}

async function isRefused(): Promise<boolean> {
  try {
    await run();
    return false;
  } catch (error) {
    return error instanceof ApiError && error.status === 401;
  }
}

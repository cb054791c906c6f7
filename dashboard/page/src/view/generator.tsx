// How the generator itself is doing: its figures are why others can be trusted. Neighbours: verdict.tsx says what follows.
// Invariant: what should be zero is shown when it is zero, too.

import { bytes, count, latency, percentage } from "../format";
import type { RunStore } from "../run/store";
import { useRun } from "../run/store";
import { MEANINGS } from "../words";
import { Explained } from "./explained";

export function GeneratorHealth({ store }: { store: RunStore }) {
  const info = useRun(store, (all) => all.info);
  const summary = useRun(store, (all) => all.summary);
  const selection = useRun(store, (all) => all.selection);
  useRun(store, (all) => all.version);
  const { history } = store;
  const second = selection.kind === "second" ? history.at(selection.at_s) : selection.kind === "range" ? history.within(selection.from_s, selection.to_s).at(-1) : history.last;
  const generator = second?.generator;
  const alive = generator ? generator.alive.filter(Boolean).length : (summary?.generator.workers ?? 0) - (summary?.generator.workers_lost ?? 0);
  const workers = info?.workers ?? generator?.alive.length ?? 0;
  const whole = summary?.generator;
  return (
    <section className="panel" aria-labelledby="generator-title" id="generator">
      <div className="panel-head">
        <h2 id="generator-title">Generator</h2>
        <p className="small">{info ? `${info.transport} · ${info.wire}${info.target_is_local ? " · the target shares this machine" : ""}` : ""}</p>
      </div>
      <dl className="pairs">
        <div>
          <dt>Workers alive</dt>
          <dd className={alive < workers ? "missed" : ""}>{count(alive)} of {count(workers)}</dd>
        </div>
        <div>
          <dt><Explained meaning={MEANINGS.lag}>Lag, p99</Explained></dt>
          <dd>{latency(second?.lag_ms?.p99)}</dd>
        </div>
        <div>
          <dt>Supervisor&apos;s CPU</dt>
          <dd>{percentage(generator?.supervisor_cpu_percent)}</dd>
        </div>
        <div>
          <dt>Memory</dt>
          <dd>{bytes(generator?.memory_bytes ?? whole?.peak_memory_bytes)}</dd>
        </div>
        <div>
          <dt><Explained meaning={MEANINGS.not_sent}>Not sent</Explained></dt>
          <dd className={(summary?.requests.not_sent ?? 0) > 0 ? "missed" : ""}>{count(summary?.requests.not_sent)}</dd>
        </div>
        <div>
          <dt><Explained meaning={MEANINGS.stalls}>Full rings</Explained></dt>
          <dd className={(whole?.ring_stalls ?? 0) > 0 ? "missed" : ""}>{count(whole?.ring_stalls)}</dd>
        </div>
        <div>
          <dt><Explained meaning={MEANINGS.paused}>Pauses</Explained></dt>
          <dd>{latency(whole?.paused_ms)}</dd>
        </div>
        <div>
          <dt>Unknown, lost</dt>
          <dd className={(summary?.requests.unknown ?? 0) + (summary?.requests.lost ?? 0) > 0 ? "missed" : ""}>{count(summary?.requests.unknown)}, {count(summary?.requests.lost)}</dd>
        </div>
      </dl>
      <ul className="workers" aria-label="CPU of each worker">
        {(generator?.cpu_percent ?? []).map((cpu, index) => {
          const spin = generator?.spin_percent[index] ?? 0;
          const isAlive = generator?.alive[index] ?? true;
          return (
            <li key={index} className={isAlive ? "" : "dead"}>
              <span>worker {index}{info?.cpus[index] === undefined ? "" : ` on CPU ${info.cpus[index]}`}</span>
              <span className="meter" aria-hidden="true">
                <i style={{ width: `${Math.min(100, cpu)}%` }} />
                <i className="spin" style={{ width: `${Math.min(100 - Math.min(100, cpu), spin)}%` }} />
              </span>
              <span className="number">{isAlive ? `${percentage(cpu)} + ${percentage(spin)} spinning` : "lost"}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

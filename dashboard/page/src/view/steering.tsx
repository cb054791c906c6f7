// The panel that steers a run: stop, pause, users or rate. Neighbours: run/api.ts sends the order with the token.
// Invariants: only who may steer sees it; what cannot be taken back asks once more, in its place; the answer is read out.

import { useEffect, useRef, useState } from "react";
import { clock } from "../format";
import { ApiError, steer } from "../run/api";
import type { Action, RunInfo, Steering } from "../run/contract";
import type { RunStore } from "../run/store";
import { useRun } from "../run/store";

const WHO_KEY = "loadforge.who";
const LONGEST_WHO = 40;

type Answer = { kind: "none" } | { kind: "busy" } | { kind: "done"; text: string } | { kind: "refused"; text: string };

/** What can be set: users where a scenario has users, a rate where one has a rate. */
function levers(info: RunInfo | null): { users: boolean; rate: boolean } {
  const models = [info?.model, ...(info?.parts ?? []).map((part) => part.model)];
  const parts = info?.parts ?? [];
  if (parts.length > 0) return { users: parts.some((part) => part.model === "closed"), rate: parts.some((part) => part.model === "open") };
  return { users: models.includes("closed"), rate: models.includes("open") };
}

function keptWho(): string {
  try {
    return localStorage.getItem(WHO_KEY) ?? "";
  } catch {
    return "";
  }
}

export function SteeringPanel({ store }: { store: RunStore }) {
  const info = useRun(store, (all) => all.info);
  const state = useRun(store, (all) => all.state);
  const steering = useRun(store, (all) => all.steering);
  const [who, setWho] = useState(keptWho);
  const [answer, setAnswer] = useState<Answer>({ kind: "none" });
  const [asking, setAsking] = useState(false);
  const endButton = useRef<HTMLButtonElement>(null);
  const can = levers(info);
  const over = state === "draining" || state === "finished";

  const give = async (action: Action, value?: number) => {
    setAsking(false);
    setAnswer({ kind: "busy" });
    try {
      const name = who.trim();
      const { event } = await steer({ action, ...(value === undefined ? {} : { value }), ...(name === "" ? {} : { who: name }) });
      setAnswer({ kind: "done", text: `${clock(event.at_s)}: ${event.text}` });
    } catch (error) {
      const words = error instanceof ApiError ? [error.message, error.help].filter((part) => part !== "").join("; ") : "the order could not be sent";
      setAnswer({ kind: "refused", text: words });
    }
  };
  const keepWho = (name: string) => {
    setWho(name);
    try {
      localStorage.setItem(WHO_KEY, name);
    } catch {
      // It is asked for again after a reload.
    }
  };

  return (
    <section className="steering" aria-labelledby="steering-title" id="steering">
      <h2 id="steering-title">Steer</h2>
      <div className="controls">
        {state === "paused" ? (
          <button type="button" onClick={() => void give("resume")} disabled={over}>▶ Go on</button>
        ) : (
          <button type="button" onClick={() => void give("pause")} disabled={over || state === "starting"}>❙❙ Pause</button>
        )}
        <button type="button" onClick={() => void give("stop")} disabled={over} title="Nothing new is begun; requests in flight may finish">■ Stop</button>
        {asking ? (
          <EndNow onYes={() => void give("end")} onNo={() => {
            setAsking(false);
            requestAnimationFrame(() => endButton.current?.focus());
          }} />
        ) : (
          <button ref={endButton} type="button" className="danger" onClick={() => setAsking(true)} disabled={state === "finished"}>End now …</button>
        )}
        {can.users ? <Level id="users" label="Users" current={steering.users} step={1} disabled={over} onSet={(value) => void give("users", value)} /> : null}
        {can.rate ? <Level id="rate" label="Iterations a second" current={steering.rate} step="any" disabled={over} onSet={(value) => void give("rate", value)} /> : null}
        <button type="button" onClick={() => void give("plan")} disabled={over || isAsPlanned(steering)}>Back to the plan</button>
        <label className="who">
          Your name <input value={who} maxLength={LONGEST_WHO} onChange={(event) => keepWho(event.target.value)} placeholder="for the report" autoComplete="off" />
        </label>
      </div>
      <p className="small" role="status">
        <span data-steering={steeringWords(steering)}>Now: <b>{steeringWords(steering)}</b></span>
        {answer.kind === "busy" ? " · sending …" : null}
        {answer.kind === "done" ? <span className="met" data-answer="done"> · ✓ {answer.text}</span> : null}
      </p>
      {answer.kind === "refused" ? <p className="error" role="alert" data-answer="refused">✗ {answer.text}</p> : null}
    </section>
  );
}

function isAsPlanned(steering: Steering): boolean {
  return steering.users === null && steering.rate === null && !steering.paused;
}

function steeringWords(steering: Steering): string {
  const parts: string[] = [];
  if (steering.paused) parts.push("paused");
  if (steering.users !== null) parts.push(`${steering.users} users`);
  if (steering.rate !== null) parts.push(`${steering.rate} a second`);
  return parts.length === 0 ? "as planned" : parts.join(", ");
}

function EndNow({ onYes, onNo }: { onYes: () => void; onNo: () => void }) {
  const no = useRef<HTMLButtonElement>(null);
  useEffect(() => no.current?.focus(), []);
  return (
    <span className="confirm" role="group" aria-label="End the run now?" onKeyDown={(event) => {
      if (event.key === "Escape") onNo();
    }}>
      <span>Answers in flight are lost.</span>
      <button type="button" className="danger" onClick={onYes}>End it</button>
      <button type="button" ref={no} onClick={onNo}>Keep running</button>
    </span>
  );
}

interface LevelProps {
  id: string;
  label: string;
  current: number | null;
  step: number | "any";
  disabled: boolean;
  onSet: (value: number) => void;
}

function Level({ id, label, current, step, disabled, onSet }: LevelProps) {
  const [text, setText] = useState("");
  const value = Number(text);
  const usable = text.trim() !== "" && Number.isFinite(value) && value >= 0;
  return (
    <form className="level" onSubmit={(event) => {
      event.preventDefault();
      if (usable && !disabled) onSet(value);
    }}>
      <label htmlFor={`level-${id}`}>{label}</label>
      <input id={`level-${id}`} type="number" inputMode="decimal" min={0} step={step} value={text} placeholder={current === null ? "plan" : String(current)} onChange={(event) => setText(event.target.value)} disabled={disabled} />
      <button type="submit" disabled={disabled || !usable}>Set</button>
    </form>
  );
}

// The five figures that are looked at first. Neighbours: run/figures.ts. Invariant: each says what it is of.

import { latency, percent, rate, count } from "../format";
import type { CardName, Figure } from "../run/figures";
import { cardsOf } from "../run/figures";
import type { ColumnName } from "../run/history";
import type { RunStore } from "../run/store";
import { useRun } from "../run/store";
import { MEANINGS } from "../words";
import { Explained } from "./explained";
import { Spark } from "./spark";

interface CardSpec {
  name: CardName;
  label: string;
  meaning: string;
  column: ColumnName;
  write: (value: number | null) => string;
  /** Whether more of it is worse. */
  worseUp: boolean;
}

const CARDS: CardSpec[] = [
  { name: "users", label: "Active users", meaning: MEANINGS.users, column: "users", write: count, worseUp: false },
  { name: "rps", label: "Requests a second", meaning: MEANINGS.rps, column: "done", write: rate, worseUp: false },
  { name: "p95", label: "Response p95", meaning: MEANINGS.p95, column: "p95", write: latency, worseUp: true },
  { name: "p99", label: "Response p99", meaning: MEANINGS.p99, column: "p99", write: latency, worseUp: true },
  { name: "error_rate", label: "Error rate", meaning: MEANINGS.error_rate, column: "error_rate", write: percent, worseUp: true },
];
const SPARK_SECONDS = 60;
/** Changes below this share are noise to a reader. */
const QUIET = 0.05;

export function Cards({ store }: { store: RunStore }) {
  const state = useRun(store, (all) => all.state);
  const selection = useRun(store, (all) => all.selection);
  const summary = useRun(store, (all) => all.summary);
  useRun(store, (all) => all.version);
  const { history } = store;
  const cards = cardsOf(history, { selection, state, summary });
  return (
    <section aria-label="Figures" className="figures">
      <p className="of">
        Figures of <b>{cards.of}</b>
        {selection.kind === "now" && state !== "finished" ? <span>, held against the ten seconds before it</span> : null}
      </p>
      <dl className="cards">
        {CARDS.map((card) => {
          const figure = cards.figures[card.name];
          const peak = card.name === "users" && (cards.of === "the whole run" || selection.kind === "range");
          const label = peak ? "Users at peak" : card.label;
          return (
            <div className={`card ${card.name === "error_rate" && (figure.value ?? 0) > 0 ? "bad" : ""}`} key={card.name} data-card={card.name}>
              <dt>
                <Explained meaning={card.meaning}>{label}</Explained>
              </dt>
              <dd data-value={figure.value ?? ""}>{card.write(figure.value)}</dd>
              <dd className="note">
                {cards.percentiles !== "" && card.name.startsWith("p9") ? cards.percentiles : <Change card={card} figure={figure} />}
              </dd>
              <dd className="trend">
                <Spark values={history.column(card.column).slice(-SPARK_SECONDS)} />
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}

function Change({ card, figure }: { card: CardSpec; figure: Figure }) {
  if (figure.change === null) return <> </>;
  const isShare = card.name === "error_rate";
  const size = isShare ? Math.abs(figure.change) * 20 : Math.abs(figure.share ?? (figure.change === 0 ? 0 : 1));
  if (size < QUIET) return <span className="steady">steady</span>;
  const up = figure.change > 0;
  const words = isShare
    ? `${percent(Math.abs(figure.change)).replace(" %", "")} points`
    : figure.share === null || card.name === "users"
      ? card.write(Math.abs(figure.change))
      : percent(Math.abs(figure.share));
  const tone = card.worseUp ? (up ? "worse" : "better") : "neutral";
  return (
    <span className={`change ${tone}`}>
      <span aria-hidden="true">{up ? "▲" : "▼"}</span>
      <span className="unseen">{up ? "up by " : "down by "}</span> {words}
    </span>
  );
}

// A chart with its title, its legend and its keys. Neighbours: plot.tsx draws inside it, specs.ts says what.
// Invariants: the figures of the legend are written past React, each second only what changed; whatever the pointer can do
// in a chart the keyboard can, too: arrows choose a second, with Shift a stretch, Esc goes back.

import type { KeyboardEvent } from "react";
import { memo, useCallback, useRef, useState } from "react";
import { Explained } from "../view/explained";
import { figure, moment } from "./axes";
import type { ChartSpec, PlotFrame, PlotSource } from "./face";
import { Plot } from "./plot";

interface Props {
  spec: ChartSpec;
  source: PlotSource;
  theme: string;
  height?: number;
}

export const ChartPanel = memo(function ChartPanel({ spec, source, theme, height = 190 }: Props) {
  const [log, setLog] = useState(false);
  const figures = useRef<(HTMLElement | null)[]>([]);
  const keys = useRef<(HTMLElement | null)[]>([]);
  const slider = useRef<HTMLDivElement>(null);
  const stretch = useRef<{ anchor: number; moving: number } | null>(null);

  const tell = useCallback((frame: PlotFrame, index: number | null) => {
    const at = index ?? (frame.chosen_s === null ? lastIn(frame) : nearest(frame.x, frame.chosen_s));
    const words: string[] = [];
    spec.series.forEach((series, position) => {
      const value = frame.ys[position]?.[at] ?? null;
      const text = figure(spec.unit, value);
      write(figures.current[position], text);
      words.push(`${series.label} ${text}`);
      // Causes that never occurred would only fill the legend.
      const key = keys.current[position];
      if (spec.stacked && key?.hidden && frame.ys[position]?.some((each) => (each ?? 0) > 0)) key.hidden = false;
    });
    const element = slider.current;
    if (!element) return;
    const at_s = frame.x[at] ?? 0;
    element.setAttribute("aria-valuemax", String(Math.round(frame.x[frame.x.length - 1] ?? 0)));
    element.setAttribute("aria-valuenow", String(Math.round(at_s)));
    element.setAttribute("aria-valuetext", frame.x.length === 0 ? "nothing yet" : `${moment(at_s)}: ${words.join(", ")}`);
  }, [spec]);

  const press = (event: KeyboardEvent) => {
    if (event.key === "Escape") stretch.current = null;
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const { x, chosen_s } = source.frame(spec);
    if (x.length === 0) return;
    const from = chosen_s ?? x[x.length - 1] ?? 0;
    const moved = (at_s: number) => x[Math.max(0, Math.min(x.length - 1, nearest(x, at_s) + step))] ?? 0;
    if (!event.shiftKey) {
      stretch.current = null;
      source.selectSecond(moved(from));
      return;
    }
    // A stretch grows from where it was begun; its other end moves.
    const held = stretch.current ?? { anchor: from, moving: from };
    const moving = moved(held.moving);
    stretch.current = { anchor: held.anchor, moving };
    source.selectRange(Math.min(held.anchor, moving), Math.max(held.anchor, moving));
  };

  const titleId = `title-${spec.id}`;
  return (
    <figure className="chart" id={`chart-${spec.id}`}>
      <div className="chart-head">
        <h3 id={titleId}>
          <Explained meaning={spec.about}>{spec.title}</Explained>
        </h3>
        {spec.canLog ? (
          <button type="button" className="quiet" aria-pressed={log} onClick={() => setLog(!log)} aria-label={`${spec.title} on a log scale`}>
            log scale
          </button>
        ) : null}
      </div>
      <ul className="legend" aria-hidden="true">
        {spec.series.map((series, position) => (
          <li key={series.key} hidden={spec.stacked ?? false} ref={(element) => { keys.current[position] = element; }}>
            <i className={series.dash ? "dash" : ""} style={{ color: `var(--${series.colour})` }} />
            {series.label} <b ref={(element) => { figures.current[position] = element; }}>–</b>
          </li>
        ))}
        {spec.stacked ? <li className="none-yet">requests that failed, a second</li> : null}
      </ul>
      <div ref={slider} className="plot-frame" role="slider" tabIndex={0} aria-labelledby={titleId} aria-valuemin={0} aria-valuemax={0} aria-valuenow={0} aria-valuetext="nothing yet" onKeyDown={press}>
        <Plot spec={spec} source={source} log={log} theme={theme} height={height} onPoint={tell} />
      </div>
    </figure>
  );
});

function write(element: HTMLElement | null | undefined, text: string): void {
  if (element && element.textContent !== text) element.textContent = text;
}

/** The last point that is shown. */
function lastIn({ x, to_s }: PlotFrame): number {
  return x.findLastIndex((at_s) => at_s <= to_s + 1e-6);
}

function nearest(x: number[], at_s: number): number {
  const after = x.findIndex((value) => value >= at_s - 1e-6);
  return after === -1 ? x.length - 1 : after;
}

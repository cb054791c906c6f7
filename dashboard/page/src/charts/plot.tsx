// Draws a chart with uPlot, on a canvas. Neighbours: face.ts is its face, draw_queue.ts says when. Invariants: a new second
// costs one setData in a frame of its own and no render of React; data is handed over as it lies, not copied, unless stacked.

import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { TIME_STEPS, moment, tick } from "./axes";
import { coloursOf, pale } from "./colours";
import { drawSoon, forgetDrawing } from "./draw_queue";
import type { ChartSpec, PlotFrame, PlotProps } from "./face";

const FONT = "11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
/** A drag of fewer pixels than this is a click. */
const SMALLEST_DRAG = 6;
const AXIS_PX = 52;
/** Lines tell which second is pointed at in all charts that share this name. */
const SYNC = "time";

export function Plot({ spec, source, log, theme, height, onPoint }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const told = useRef(onPoint);
  useEffect(() => {
    told.current = onPoint;
  }, [onPoint]);

  useEffect(() => {
    const place = box.current;
    if (!place) return;
    let frame = source.frame(spec);
    let pointed: number | null = null;
    const plot = new uPlot(
      optionsOf(spec, log, { width: Math.max(place.clientWidth, 120), height }, {
        frame: () => frame,
        pointed: (index) => {
          if (index === pointed) return;
          pointed = index;
          told.current(frame, index);
        },
        range: (from_s, to_s) => source.selectRange(from_s, to_s),
        click: (at_s) => source.selectSecond(at_s),
        reset: () => source.selectNow(),
      }),
      dataOf(spec, frame),
      place,
    );
    const draw = () => {
      frame = source.frame(spec);
      plot.batch(() => {
        plot.setData(dataOf(spec, frame), false);
        plot.setScale("x", { min: frame.from_s, max: frame.to_s });
      });
      tellPoints(place, frame);
      told.current(frame, pointed);
    };
    const ask = () => drawSoon(draw);
    const stop = source.subscribe(ask);
    const resized = new ResizeObserver(() => {
      const width = Math.max(place.clientWidth, 120);
      if (width !== plot.width) plot.setSize({ width, height });
    });
    resized.observe(place);
    ask();
    return () => {
      stop();
      forgetDrawing(draw);
      resized.disconnect();
      plot.destroy();
    };
  }, [spec, source, log, theme, height]);

  return <div ref={box} className="plot" style={{ height }} />;
}

/** What tests can see of a canvas: how many points lie behind it, and the last of each series. */
function tellPoints(place: HTMLElement, frame: PlotFrame): void {
  place.dataset.points = String(frame.x.length);
  place.dataset.last = frame.ys.map((ys) => ys[ys.length - 1]?.toFixed(3) ?? "").join(" ");
  place.dataset.view = `${frame.from_s.toFixed(2)} ${frame.to_s.toFixed(2)}`;
}

/** Columns as uPlot takes them: of a stack, sums, the highest first, so that each is painted over the one above it. */
function dataOf(spec: ChartSpec, frame: PlotFrame): uPlot.AlignedData {
  if (!spec.stacked) return [frame.x, ...frame.ys];
  const sums: (number | null)[][] = [];
  let below: (number | null)[] | null = null;
  for (const ys of frame.ys) {
    const base: (number | null)[] | null = below;
    const sum: (number | null)[] = base === null ? ys : ys.map((value, index) => (value ?? 0) + (base[index] ?? 0));
    sums.unshift(sum);
    below = sum;
  }
  return [frame.x, ...sums];
}

interface Doors {
  frame: () => PlotFrame;
  pointed: (index: number | null) => void;
  range: (from_s: number, to_s: number) => void;
  click: (at_s: number) => void;
  reset: () => void;
}

function optionsOf(spec: ChartSpec, log: boolean, size: { width: number; height: number }, doors: Doors): uPlot.Options {
  const drawn = spec.stacked ? [...spec.series].reverse() : spec.series;
  const colours = coloursOf(["ink-soft", "muted", "grid", "rule", "unmeasured", "link", ...drawn.map((series) => series.colour)]);
  const colour = (name: string) => colours[name] ?? "#888888";
  const axis = { stroke: colour("ink-soft"), font: FONT, ticks: { show: false }, grid: { stroke: colour("grid"), width: 1 } };
  return {
    ...size,
    legend: { show: false },
    padding: [8, 16, 0, 0],
    scales: {
      x: { time: false, auto: false, range: (_, from, to) => [from, to] },
      // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- uPlot's enum exists in its types alone
      y: log ? { distr: 3 } : { range: (_, __, top) => [0, Math.max(spec.least ?? 0, (Number.isFinite(top) ? top : 0) * 1.08) || 1] },
    },
    axes: [
      { ...axis, incrs: TIME_STEPS, space: 64, size: 28, gap: 8, values: (_, splits) => splits.map(moment) },
      { ...axis, size: AXIS_PX, gap: 4, space: 34, values: (_, splits) => splits.map((value: number | null) => (value === null ? "" : tick(spec.unit, value))) },
    ],
    series: [
      {},
      ...drawn.map((series): uPlot.Series => ({
        label: series.label,
        stroke: colour(series.colour),
        width: series.fill && spec.stacked ? 0 : 1.5,
        ...(series.dash ? { dash: [5, 4] } : {}),
        ...(spec.stacked ? { fill: colour(series.colour), paths: stacked(doors) } : series.fill || spec.bands ? { fill: pale(colour(series.colour), 0.12) } : {}),
        // A line of one point would not be seen.
        points: { show: (plot) => plot.data[0].length === 1, size: 6 },
        spanGaps: false,
      })),
    ],
    cursor: {
      // Only where the pointer is: a drag belongs to the chart that it is made in.
      sync: { key: SYNC, setSeries: false, filters: { pub: (type) => type === "mousemove" || type === "mouseleave", sub: () => true } },
      drag: { x: true, y: false, setScale: false, dist: SMALLEST_DRAG },
      points: { size: 6 },
      y: false,
      bind: {
        dblclick: () => () => {
          doors.reset();
          return null;
        },
      },
    },
    hooks: {
      drawClear: [(plot) => shade(plot, doors.frame(), colour("unmeasured"))],
      draw: [(plot) => mark(plot, doors.frame(), { event: colour("muted"), steered: colour("link"), chosen: colour("ink-soft") })],
      setCursor: [(plot) => doors.pointed(plot.cursor.idx ?? null)],
      setSelect: [(plot) => selected(plot, doors)],
      ready: [(plot) => listenForClicks(plot, doors)],
    },
  };
}

/** Steps, since a second is a stretch of time; lines where a step would be narrower than a pixel; nothing for what never occurred. */
function stacked(doors: Doors): uPlot.Series.PathBuilder {
  const steps = uPlot.paths.stepped?.({ align: -1 });
  const lines = uPlot.paths.linear?.();
  if (!steps || !lines) throw new Error("uPlot comes without steps or lines");
  return (plot, series, first, last) => {
    const { ys } = doors.frame();
    if (!ys[ys.length - series]?.some((value) => (value ?? 0) > 0)) return null;
    return (last - first > plot.bbox.width ? lines : steps)(plot, series, first, last);
  };
}

function selected(plot: uPlot, doors: Doors): void {
  const { left, width } = plot.select;
  if (width < SMALLEST_DRAG) return;
  doors.range(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

function listenForClicks(plot: uPlot, doors: Doors): void {
  let downAt: number | null = null;
  plot.over.addEventListener("mousedown", (event) => {
    downAt = event.clientX;
  });
  plot.over.addEventListener("click", (event) => {
    const moved = downAt === null ? 0 : Math.abs(event.clientX - downAt);
    const index = plot.cursor.idx;
    const at_s = index === null || index === undefined ? undefined : doors.frame().x[index];
    if (moved < SMALLEST_DRAG && event.detail === 1 && at_s !== undefined) doors.click(at_s);
  });
}

function shade(plot: uPlot, frame: PlotFrame, colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = colour;
  for (const stretch of frame.shades) {
    const left = Math.max(bbox.left, plot.valToPos(stretch.from_s, "x", true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(stretch.until_s, "x", true));
    if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}

function mark(plot: uPlot, frame: PlotFrame, colours: { event: string; steered: string; chosen: string }): void {
  const { ctx, bbox } = plot;
  const line = (at_s: number, colour: string, dash: number[]) => {
    if (at_s < frame.from_s || at_s > frame.to_s) return;
    const x = Math.round(plot.valToPos(at_s, "x", true));
    ctx.strokeStyle = colour;
    ctx.setLineDash(dash);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  };
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  for (const event of frame.marks) line(event.at_s, event.steered ? colours.steered : colours.event, [3 * devicePixelRatio, 3 * devicePixelRatio]);
  if (frame.chosen_s !== null) line(frame.chosen_s, colours.chosen, []);
  ctx.restore();
}

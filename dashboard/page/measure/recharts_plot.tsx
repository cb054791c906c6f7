// The same face as src/charts/plot.tsx, drawn with Recharts, for the comparison alone. Neighbours: run.mjs builds the page with
// it in place of the other. Invariant: it gets what uPlot gets: no animation, no dots, no tooltip, one chart a frame, no
// render but its own.

import { useEffect, useRef, useState } from "react";
import { Area, CartesianGrid, ComposedChart, Line, ReferenceLine, XAxis, YAxis } from "recharts";
import { moment, tick } from "../src/charts/axes";
import { drawSoon, forgetDrawing } from "../src/charts/draw_queue";
import type { PlotFrame, PlotProps } from "../src/charts/face";

type Row = Record<string, number | null>;

export function Plot({ spec, source, log, height, onPoint }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [drawn, setDrawn] = useState<{ frame: PlotFrame; rows: Row[] } | null>(null);
  const told = useRef(onPoint);
  useEffect(() => {
    told.current = onPoint;
  }, [onPoint]);

  useEffect(() => {
    const place = box.current;
    if (!place) return undefined;
    const draw = () => {
      const frame = source.frame(spec);
      setDrawn({ frame, rows: rowsOf(frame) });
      place.dataset.points = String(frame.x.length);
      told.current(frame, null);
    };
    const ask = () => drawSoon(draw);
    const stop = source.subscribe(ask);
    const resized = new ResizeObserver(() => setWidth(place.clientWidth));
    resized.observe(place);
    ask();
    return () => {
      stop();
      forgetDrawing(draw);
      resized.disconnect();
    };
  }, [spec, source]);

  return (
    <div ref={box} className="plot" style={{ height }}>
      {drawn && width > 0 ? (
        <ComposedChart width={width} height={height} data={drawn.rows} margin={{ top: 8, right: 0, bottom: 0, left: 0 }}>
          <CartesianGrid stroke="var(--grid)" />
          <XAxis dataKey="x" type="number" domain={[drawn.frame.from_s, drawn.frame.to_s]} allowDataOverflow tickFormatter={moment} tick={{ fontSize: 11 }} />
          <YAxis width={52} scale={log ? "log" : "linear"} domain={[0, "auto"]} tickFormatter={(value: number) => tick(spec.unit, value)} tick={{ fontSize: 11 }} />
          {drawn.frame.marks.map((mark) => <ReferenceLine key={`${mark.at_s} ${mark.text}`} x={mark.at_s} stroke="var(--muted)" strokeDasharray="3 3" />)}
          {spec.series.map((series, index) => {
            const shared = { key: series.key, dataKey: `y${index}`, stroke: `var(--${series.colour})`, strokeWidth: 1.5, dot: false, isAnimationActive: false };
            return series.fill
              ? <Area {...shared} key={series.key} type={spec.stacked ? "stepBefore" : "linear"} fill={`var(--${series.colour})`} fillOpacity={spec.stacked ? 1 : 0.13} {...(spec.stacked ? { stackId: "all" } : {})} />
              : <Line {...shared} key={series.key} type="linear" {...(series.dash ? { strokeDasharray: "5 4" } : {})} />;
          })}
        </ComposedChart>
      ) : null}
    </div>
  );
}

function rowsOf(frame: PlotFrame): Row[] {
  return frame.x.map((x, at) => {
    const row: Row = { x };
    frame.ys.forEach((ys, index) => {
      row[`y${index}`] = ys[at] ?? null;
    });
    return row;
  });
}

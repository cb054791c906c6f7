// A small line without axes. Neighbours: tables and cards. Invariant: it is decoration: the figures stand beside it.

import { memo } from "react";

const WIDTH = 100;
const HEIGHT = 20;

interface Props {
  values: (number | null)[];
  /** The lowest value is drawn at the bottom, rather than zero. */
  afloat?: boolean;
}

export const Spark = memo(function Spark({ values, afloat = false }: Props) {
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <path d={pathOf(values, afloat)} />
    </svg>
  );
}, (before, after) => before.values.length === after.values.length && before.values.every((value, index) => value === after.values[index]));

export function pathOf(values: (number | null)[], afloat: boolean): string {
  if (values.length < 2) return "";
  const known = values.filter((value) => value !== null);
  const top = Math.max(...known, 0);
  const bottom = afloat && known.length > 0 ? Math.min(...known) : 0;
  const height = top > bottom ? top - bottom : 1;
  let path = "";
  let drawing = false;
  values.forEach((value, index) => {
    if (value === null) {
      drawing = false;
      return;
    }
    const x = ((index / (values.length - 1)) * WIDTH).toFixed(1);
    const y = (HEIGHT - 1 - ((value - bottom) / height) * (HEIGHT - 2)).toFixed(1);
    path += `${drawing ? "L" : "M"}${x} ${y}`;
    drawing = true;
  });
  return path;
}

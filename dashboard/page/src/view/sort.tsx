// Tables that sort by their heads. Neighbours: endpoints.tsx, saved_list.tsx. Invariant: what has no figure is last, either way.

import { useCallback, useState } from "react";

export interface Sort<K extends string> {
  key: K;
  down: boolean;
}

export function useSort<K extends string>(first: K): [Sort<K>, (key: K) => void] {
  const [sort, setSort] = useState<Sort<K>>({ key: first, down: true });
  // A new column begins with what people look for: the largest figure, the first name.
  const toggle = useCallback((key: K) => setSort((now) => (now.key === key ? { key, down: !now.down } : { key, down: key !== "name" })), []);
  return [sort, toggle];
}

export function sorted<K extends string, R extends Record<K, string | number | null>>(rows: R[], { key, down }: Sort<K>): R[] {
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const left: string | number | null = a[key];
    const right: string | number | null = b[key];
    if (left === null || right === null) return left === right ? 0 : left === null ? 1 : -1;
    if (typeof left === "number" && typeof right === "number") return sign * (left - right);
    return sign * String(left).localeCompare(String(right), "en");
  });
}

interface Props<K extends string> {
  name: K;
  label: string;
  number: boolean;
  sort: Sort<K>;
  onSort: (key: K) => void;
}

export function SortHead<K extends string>({ name, label, number, sort, onSort }: Props<K>) {
  const order = sort.key === name ? (sort.down ? "descending" : "ascending") : "none";
  return (
    <th scope="col" className={number ? "number" : ""} aria-sort={order}>
      <button type="button" onClick={() => onSort(name)}>{label}</button>
    </th>
  );
}

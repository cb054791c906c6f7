import { expect, test } from "vitest";
import { routeOf } from "../src/view/route";
import { sorted } from "../src/view/sort";
import { pathOf } from "../src/view/spark";
import { difference } from "../src/format";
import { tick } from "../src/charts/axes";

test("addresses lead to runs, and whatever is none to the list", () => {
  expect(routeOf("#/runs/a%20b")).toEqual({ page: "run", id: "a b" });
  expect(routeOf("#/runs/a/b")).toEqual({ page: "pair", ids: ["a", "b"] });
  for (const hash of ["", "#", "#/", "#/runs/", "#/runs/a/b/c", "#token=x"]) expect(routeOf(hash)).toEqual({ page: "home" });
  expect(routeOf("#/runs/%E0%A4%A")).toEqual({ page: "run", id: "%E0%A4%A" });
});

test("rows without a figure are last, whichever way it is sorted", () => {
  const rows = [{ name: "b", p95: 2 }, { name: "a", p95: null }, { name: "c", p95: 9 }];
  expect(sorted(rows, { key: "p95", down: true }).map((row) => row.name)).toEqual(["c", "b", "a"]);
  expect(sorted(rows, { key: "p95", down: false }).map((row) => row.name)).toEqual(["b", "c", "a"]);
  expect(sorted(rows, { key: "name", down: false }).map((row) => row.name)).toEqual(["a", "b", "c"]);
});

test("a small line breaks where there is nothing", () => {
  expect(pathOf([1], false)).toBe("");
  expect(pathOf([0, 1], false)).toBe("M0.0 19.0L100.0 1.0");
  expect(pathOf([1, null, 1], false)).toBe("M0.0 1.0M100.0 1.0");
});

test("differences are told with their sign", () => {
  expect(difference(100, 150)).toBe("+50.0 %");
  expect(difference(100, 50)).toBe("−50.0 %");
  expect(difference(0, 1)).toBe("from zero");
  expect(difference(3, 3)).toBe("the same");
  expect(difference(null, 3)).toBe("–");
});

test("axes are written in few characters", () => {
  expect(tick("ms", 0.05)).toBe("50 µs");
  expect(tick("ms", 1_500)).toBe("1.5 s");
  expect(tick("percent", 25)).toBe("25 %");
  expect(tick("rate", 12_000)).toBe("12k");
});

// The addresses behind the `#`: `#/runs/ID`, `#/runs/A/B`. Neighbours: app.tsx. Invariant: what is no address is the first page.

import { useSyncExternalStore } from "react";

export type Route = { page: "home" } | { page: "run"; id: string } | { page: "pair"; ids: [string, string] };

export function routeOf(hash: string): Route {
  const parts = /^#\/runs\/([^/]+)(?:\/([^/]+))?$/.exec(hash);
  const [first, second] = [decoded(parts?.[1]), decoded(parts?.[2])];
  if (first === null) return { page: "home" };
  return second === null ? { page: "run", id: first } : { page: "pair", ids: [first, second] };
}

function decoded(part: string | undefined): string | null {
  if (part === undefined) return null;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const addressOf = (...ids: string[]) => `#/runs/${ids.map(encodeURIComponent).join("/")}`;

export function useRoute(): Route {
  const hash = useSyncExternalStore(
    (listener) => {
      window.addEventListener("hashchange", listener);
      return () => window.removeEventListener("hashchange", listener);
    },
    () => location.hash,
  );
  return routeOf(hash);
}

// Light or dark: as the system has it, until the reader chooses. Neighbours: page.css has both. Invariant: the choice is kept
// in this browser alone.

import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
const KEY = "loadforge.theme";
const listeners = new Set<() => void>();
const system = window.matchMedia("(prefers-color-scheme: dark)");
system.addEventListener("change", tell);

function tell(): void {
  for (const listener of listeners) listener();
}

export function keptTheme(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}

export function setTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Goes from light to dark or back. */
export function switchTheme(): void {
  const next = themeInForce() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // The choice holds until the page is closed.
  }
  setTheme(next);
  tell();
}

export function themeInForce(): "light" | "dark" {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
}

export function useTheme(): "light" | "dark" {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, themeInForce);
}

// What the names of colours in page.css mean in the theme in force. Neighbours: plot.tsx. Invariant: charts know no colours
// of their own.

/** The colours by name, as the canvas understands them. */
export function coloursOf(names: string[]): Record<string, string> {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const found: Record<string, string> = {};
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** The same colour, so much of it. */
export function pale(colour: string, alpha: number): string {
  const parts = /^rgba?\(([^)]+)\)$/.exec(colour)?.[1]?.split(",").slice(0, 3).join(",");
  return parts === undefined ? colour : `rgba(${parts}, ${alpha})`;
}

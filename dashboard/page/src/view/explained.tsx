// A word with its meaning on hover and on focus, like the report's. Neighbours: words.ts has the meanings.
// Invariant: the meaning is read by screen readers as the word's description.

import type { ReactNode } from "react";
import { useId, useState } from "react";

export function Explained({ meaning, children }: { meaning: string; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <span className="explained">
      <button
        type="button"
        className="term"
        aria-describedby={open ? id : undefined}
        onMouseEnter={() => setOpen(true)}
        onMouseLeave={() => setOpen(false)}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onClick={() => setOpen(true)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && open) {
            event.stopPropagation();
            setOpen(false);
          }
        }}
      >
        {children}
      </button>
      {open ? <span role="tooltip" id={id} className="tip" ref={place}>{meaning}</span> : null}
    </span>
  );
}

const GAP_PX = 6;
const EDGE_PX = 8;

/** Puts a meaning below its word, within the window. */
function place(tip: HTMLElement | null): void {
  const word = tip?.previousElementSibling?.getBoundingClientRect();
  if (!tip || !word) return;
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.max(EDGE_PX, Math.min(word.left, document.documentElement.clientWidth - width - EDGE_PX));
  const below = word.bottom + GAP_PX;
  const top = below + height > window.innerHeight ? word.top - height - GAP_PX : below;
  tip.style.left = `${left}px`;
  tip.style.top = `${Math.max(EDGE_PX, top)}px`;
}

// Spreads drawing over frames: one chart a frame, the first in the frame after the one in which the page itself changes.
// Neighbours: plot.tsx asks to be drawn. Invariant: whoever asks is drawn once, however often it asked before its turn came;
// six charts a second need seven frames of sixty.

const waiting = new Set<() => void>();
let asked = false;

/** Has `draw` called in one of the next frames. */
export function drawSoon(draw: () => void): void {
  waiting.add(draw);
  if (!asked) {
    asked = true;
    requestAnimationFrame(() => requestAnimationFrame(next));
  }
}

/** What was asked for is no longer wanted. */
export function forgetDrawing(draw: () => void): void {
  waiting.delete(draw);
}

function next(): void {
  asked = false;
  for (const draw of waiting) {
    waiting.delete(draw);
    draw();
    break;
  }
  if (waiting.size > 0) {
    asked = true;
    requestAnimationFrame(next);
  }
}

// How the page is built. Neighbours: build/pack.mjs packs what comes out. Invariant: equal sources give equal bytes.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  build: {
    target: ["chrome111", "firefox114", "safari16.4"],
    outDir: "dist",
    assetsInlineLimit: 0,
    modulePreload: false,
    // The budget is checked by build/pack.mjs.
    reportCompressedSize: false,
  },
  test: { environment: "jsdom", include: ["test/**/*.test.{ts,tsx}"], testTimeout: 60_000 },
});

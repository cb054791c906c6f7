// Opens pages in Chromium and watches them. Neighbours: run.mjs and real.mjs look at what is on them.
// Invariants: whatever a page says on its console as an error, and every script that fails, is a finding; waits end by
// themselves and are generous, for loaded machines.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

export const PATIENCE_MS = 60_000;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/** Lines that a lost connection or a refusal leaves on the console, and that nobody can prevent. */
const OF_A_LOSS = /ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|WebSocket connection to .* failed|status of 4\d\d/;

/** Chromium, or null where there is none. */
export async function startBrowser(args = []) {
  const executablePath = PLACES.find((place) => place && existsSync(place));
  if (!executablePath) return null;
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage", ...args] });
}

/** A page with all that went wrong on it in `findings`. */
export async function openPage(browser, url, { width = 1280, height = 900, theme = "light", losses = false, before } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const findings = [];
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    if (losses && OF_A_LOSS.test(message.text())) return;
    findings.push(`the console says: ${message.text()}`);
  });
  page.on("pageerror", (error) => findings.push(`a script failed: ${error.message}`));
  page.on("dialog", (dialog) => {
    findings.push(`a dialog opened: ${dialog.message()}`);
    void dialog.dismiss();
  });
  if (before) await before(page);
  if (url) await page.goto(url);
  return { page, findings, close: () => context.close() };
}

/** Waits until `test` returns something true, and returns it. */
export async function until(what, test) {
  const end = performance.now() + PATIENCE_MS;
  let last;
  while (performance.now() < end) {
    try {
      const found = await test();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`this never came: ${what}${last ? ` (${last.message})` : ""}`);
}

/** What is read once it stays the same for a second: charts are drawn some frames after their data. */
export async function settled(read) {
  let last = await read();
  await until("a figure that stays", async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const next = await read();
    const stays = next === last;
    last = next;
    return stays;
  });
  return last;
}

export function expect(condition, what) {
  if (!condition) throw new Error(what);
}

/** What axe has against a page, as text; none when it is clean. */
export async function accessibility(page) {
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: "tag", values } }), RULES);
  const found = violations.map(({ id, help, nodes }) => `axe, ${id}: ${help}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 140)} (${(node.any[0]?.message ?? "").slice(0, 160)})`).join(" | ")}`);
  if (passes.length === 0) found.push("axe found nothing to judge");
  return found;
}

export const card = (page, name) => page.locator(`[data-card="${name}"] dd[data-value]`).getAttribute("data-value").then((text) => (text === "" || text === null ? null : Number(text)));
export const points = (page, chart) => page.locator(`#chart-${chart} .plot`).getAttribute("data-points").then(Number);
export const scrollsSideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

// `npm run measure:pixel -- PATH-of-loadforge [--flips 20]`: how long the end of a request takes to the screen. A server of our own begins to fail
// at some moment; the time from its first failing answer to the frame in which the page shows an error rate is taken.
// Neighbours: run.mjs measures frames; ../e2e/browser.mjs opens Chromium. Invariant: both times are of this machine's one clock.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { card, openPage, startBrowser, until } from "../e2e/browser.mjs";

const program = process.argv[2];
const at = process.argv.indexOf("--flips");
const FLIPS = at === -1 ? 20 : Number(process.argv[at + 1]);
const now = () => performance.timeOrigin + performance.now();

let fails = false;
let failedAt = null;
const server = createServer((_, response) => {
  response.statusCode = fails ? 500 : 200;
  response.end("hello", () => {
    if (fails) failedAt ??= now();
  });
});
await new Promise((listens) => server.listen(0, "127.0.0.1", listens));

const folder = mkdtempSync(join(tmpdir(), "loadforge-pixel-"));
const run = spawn(program, ["run", `http://127.0.0.1:${server.address().port}/`, "--rate", "100", "--duration", `${FLIPS * 6 + 60}s`, "--workers", "1", "--dashboard", "--quiet", "--allow-invalid", "--output", folder], { stdio: ["ignore", "ignore", "pipe"] });
const url = await new Promise((found) => {
  let said = "";
  run.stderr.on("data", (bytes) => {
    said += bytes;
    const address = /http:\S+#token=\S+/.exec(said);
    if (address) found(address[0]);
  });
});
const browser = await startBrowser();
if (!browser) throw new Error("no Chromium (`apt-get install chromium`)");
const { page } = await openPage(browser, url, { losses: true });
await until("figures", async () => (await card(page, "rps")) > 0);
// The time of the frame that shows a change of the card, by the page's own clock.
await page.evaluate(() => {
  const place = document.querySelector('[data-card="error_rate"]');
  new window.MutationObserver(() => {
    const value = Number(place.querySelector("dd[data-value]").getAttribute("data-value"));
    if (value === 0) window.shownAt = null;
    else if (!window.shownAt) requestAnimationFrame(() => requestAnimationFrame(() => (window.shownAt ??= performance.timeOrigin + performance.now())));
  }).observe(place, { subtree: true, childList: true, characterData: true, attributes: true });
});
const took = [];
for (let flip = 0; flip < FLIPS; flip += 1) {
  await until("no failure is shown", async () => (await card(page, "error_rate")) === 0);
  await new Promise((done) => setTimeout(done, 1_000 * Math.random()));
  failedAt = null;
  fails = true;
  const shownAt = await until("the failure is shown", () => page.evaluate(() => window.shownAt));
  fails = false;
  took.push(shownAt - failedAt);
}
took.sort((a, b) => a - b);
const ms = (value) => `${value.toFixed(0)} ms`;
console.log(`completion to pixel, ${FLIPS} times: least ${ms(took[0])}, median ${ms(took[Math.floor(FLIPS / 2)])}, worst ${ms(took[FLIPS - 1])}`);
console.log(`${cpus().length} CPUs, load average ${loadavg()[0].toFixed(1)}`);
await browser.close();
run.kill("SIGINT");
await new Promise((ended) => run.on("exit", ended));
server.close();
server.closeAllConnections();
rmSync(folder, { recursive: true });

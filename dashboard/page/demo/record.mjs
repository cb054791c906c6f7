// `node demo/record.mjs URL TMUX-SOCKET REPORTS OUT`: pictures of a run as it goes on, in the terminal and on its live page, then of
// its report. `cargo xtask demo` starts the run and puts the pictures together.
// Neighbours: ../e2e/browser.mjs opens Chromium. Invariants: OUT has frames/term-NNN.png and frames/page-NNN.png of the same
// moments, and page-light.png, page-dark.png, report-light.png, report-dark.png.
import { execFile } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { startBrowser, until } from "../e2e/browser.mjs";

const [url, socket, reports, out] = process.argv.slice(2);
const FRAME_MS = 500;
const WIDE = { width: 1280, height: 860 };
const TERMINAL = { width: 940, height: 860 };

const browser = await startBrowser();
if (!browser) throw new Error("no Chromium (`apt-get install chromium`)");
await mkdir(join(out, "frames"), { recursive: true });

/** A page of this look; the token of a live page is in its address. */
async function open(viewport, colorScheme, address) {
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  if (address) await page.goto(address);
  return page;
}

const terminal = await open(TERMINAL, "dark");
await terminal.setContent(`<style>body{margin:0;background:#11151c;color:#d8dee9}pre{margin:14px;font:13.5px/1.28 "DejaVu Sans Mono",monospace}</style><pre></pre>`);
const [light, dark] = await Promise.all(["light", "dark"].map((scheme) => open(WIDE, scheme, url)));

/** What the terminal shows, with the colours of its escape codes. */
async function shown() {
  const { stdout } = await promisify(execFile)("tmux", ["-L", socket, "capture-pane", "-ep", "-t", "demo"]);
  return coloured(stdout);
}

const ESCAPE = String.fromCharCode(27);
const COLOURS = ["#3b4252", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8dee9"];
function coloured(text) {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  let style = {};
  return escaped
    .split(new RegExp(`(${ESCAPE}\\[[0-9;]*m)`))
    .map((part) => {
      if (!part.startsWith(ESCAPE)) {
        const css = Object.entries(style).map(([key, value]) => `${key}:${value}`).join(";");
        return css ? `<span style="${css}">${part}</span>` : part;
      }
      const codes = part.slice(2, -1).split(";").map(Number);
      for (let at = 0; at < codes.length; at += 1) {
        const code = codes[at];
        if (code === 0) style = {};
        else if (code === 1) style["font-weight"] = "bold";
        else if (code === 2) style.opacity = 0.65;
        else if (code >= 30 && code <= 37) style.color = COLOURS[code - 30];
        else if (code >= 90 && code <= 97) style.color = COLOURS[code - 90];
        else if (code === 39) delete style.color;
        // 38;5;N and 38;2;R;G;B: none of ours.
        else if (code === 38 || code === 48) at += codes[at + 1] === 5 ? 2 : 4;
      }
      return "";
    })
    .join("");
}

const state = () => light.evaluate(() => document.documentElement.innerText);
await until("the page has begun to fill", async () => (await light.locator("[data-points]").first().getAttribute("data-points")) > 1);
let frame = 0;
let next = performance.now();
const finished = async () => /Finished/i.test(await state());
let left = 6;
for (;;) {
  const name = String(frame).padStart(3, "0");
  const html = await shown();
  await terminal.evaluate((text) => (document.querySelector("pre").innerHTML = text), html);
  await Promise.all([
    terminal.screenshot({ path: join(out, "frames", `term-${name}.png`) }),
    light.screenshot({ path: join(out, "frames", `page-${name}.png`) }),
  ]);
  frame += 1;
  // The end stays for a while.
  if (await finished()) left -= 1;
  if (left === 0 || frame > 200) break;
  next = Math.max(next + FRAME_MS, performance.now());
  await new Promise((done) => setTimeout(done, next - performance.now()));
}
for (const [page, name] of [[light, "light"], [dark, "dark"]]) {
  await page.screenshot({ path: join(out, `page-${name}.png`) });
}
const report = await until("the report is written", async () => {
  const runs = await readdir(reports);
  const names = runs.length > 0 ? await readdir(join(reports, runs[0])) : [];
  return names.includes("report.html") && resolve(reports, runs[0], "report.html");
});
for (const scheme of ["light", "dark"]) {
  const page = await open({ width: 1280, height: 1000 }, scheme, `file://${report}`);
  // Charts are unpacked and drawn once the page has been read.
  await page.waitForSelector(".js-plotly-plot .main-svg", { state: "attached", timeout: 60_000 });
  await page.waitForTimeout(1_500);
  await page.screenshot({ path: join(out, `report-${scheme}.png`) });
}
await browser.close();
console.log(`${frame} frames`);

// `npm run measure [-- --seconds 20] [--rounds 3]`: what the page costs in Chromium with uPlot and with Recharts, with six charts
// of 600 and of 3,600 points and a new second each second; rounds are interleaved. Neighbours: recharts_plot.tsx is the other
// way to draw; mock/server.mjs makes the run up. Invariant: both are built alike, and get the same seconds.
//
// missed: frames that came more than half a frame late (requestAnimationFrame). task: the longest task of the page's main
// thread, from a trace of its own, after first paint, by the clock and in CPU time: on a machine that does other things, too, the
// clock counts those. CPU: of the renderer process and of all of Chromium, by its own account.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { openPage, points, startBrowser, until } from "../e2e/browser.mjs";
import { Mock } from "../mock/server.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FRAME_MS = 1_000 / 60;
const SETTLE_MS = 4_000;
const CHARTS = 6;
const argument = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : Number(process.argv[at + 1]);
};
const SECONDS = argument("seconds", 20);
const ROUNDS = argument("rounds", 3);
const ENDPOINTS = argument("endpoints", 12);

async function bundle(library) {
  const outDir = `${ROOT}target/measure/${library}`;
  const swap = {
    name: "swap",
    enforce: "pre",
    resolveId: (source, importer) => (library === "recharts" && source === "./plot" && importer?.endsWith("chart_panel.tsx") ? `${ROOT}measure/recharts_plot.tsx` : null),
  };
  await build({ root: ROOT, logLevel: "error", plugins: [swap], build: { outDir, emptyOutDir: true } });
  const told = execFileSync("node", [`${ROOT}build/pack.mjs`, outDir, "--any-size"], { encoding: "utf8" });
  return { library, outDir, bytes: Number(/^\s*(\d+) bytes {2}of/m.exec(told)[1]) };
}

/** CPU seconds of Chromium's processes so far. */
async function cpuOf(session) {
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const sum = (wanted) => processInfo.filter(wanted).reduce((total, one) => total + one.cpuTime, 0);
  return { renderer: sum((one) => one.type === "renderer"), all: sum(() => true) };
}

async function frames(page, ms) {
  return page.evaluate((length) => new Promise((resolve) => {
    const deltas = [];
    let last = performance.now();
    const end = last + length;
    const next = (now) => {
      deltas.push(now - last);
      last = now;
      if (now < end) requestAnimationFrame(next);
      else resolve(deltas.slice(1));
    };
    requestAnimationFrame(next);
  }), ms);
}

/** Tasks of the page's main thread while it is traced, in ms. */
async function tasks(browser, page, ms) {
  await browser.startTracing(page, { categories: ["toplevel", "disabled-by-default-devtools.timeline", "devtools.timeline", "blink.user_timing"] });
  await page.waitForTimeout(ms);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const mains = new Set(traceEvents.filter((event) => event.name === "thread_name" && event.args.name === "CrRendererMain").map((event) => `${event.pid} ${event.tid}`));
  const runs = traceEvents.filter((event) => event.ph === "X" && mains.has(`${event.pid} ${event.tid}`) && /RunTask$/.test(event.name));
  const longest = (key) => runs.map((event) => (event[key] ?? 0) / 1_000).sort((a, b) => b - a);
  return { wall: longest("dur"), cpu: longest("tdur") };
}

async function look({ library, outDir }, history) {
  const browser = await startBrowser();
  if (!browser) return null;
  const mock = await new Mock({ dist: outDir, history, kind: "errors", duration_s: history + 600, smallSummary: true, endpoints: ENDPOINTS }).start();
  try {
    const { page } = await openPage(browser, mock.url, { width: 1600, height: 1400 });
    await until("all points", async () => (await points(page, "cpu")) >= history);
    await page.waitForTimeout(SETTLE_MS);
    const session = await browser.newBrowserCDPSession();
    const own = await page.context().newCDPSession(page);
    await own.send("Performance.enable");
    const duration = async () => Object.fromEntries((await own.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
    const [before, taskBefore, from] = [await cpuOf(session), await duration(), performance.now()];
    await page.waitForTimeout(SECONDS * 1_000);
    const [after, taskAfter, wall_s] = [await cpuOf(session), await duration(), (performance.now() - from) / 1_000];
    const deltas = (await frames(page, SECONDS * 1_000)).sort((a, b) => a - b);
    const runs = await tasks(browser, page, SECONDS * 1_000);
    const drawn = await page.locator(".plot").count();
    if (drawn !== CHARTS) throw new Error(`there are ${drawn} charts, not ${CHARTS}`);
    return {
      library, history,
      frame_p99_ms: deltas[Math.floor(deltas.length * 0.99)], frame_max_ms: deltas.at(-1), missed: deltas.filter((delta) => delta > FRAME_MS * 1.5).length, frames: deltas.length,
      task_max_ms: runs.wall[0] ?? 0, tasks_over: runs.wall.filter((run) => run > FRAME_MS).length, task_cpu_ms: runs.cpu[0] ?? 0,
      busy_percent: ((taskAfter.TaskDuration - taskBefore.TaskDuration) / wall_s) * 100,
      renderer_percent: ((after.renderer - before.renderer) / wall_s) * 100, all_percent: ((after.all - before.all) / wall_s) * 100,
    };
  } finally {
    await browser.close();
    await mock.stop();
  }
}

const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const range = (rows, key, digits) => {
  const values = rows.map((row) => row[key]);
  return `${middle(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
};

const bundles = [await bundle("uplot"), await bundle("recharts")];
const rows = [];
const loads = [];
for (let round = 0; round < ROUNDS; round += 1) {
  for (const history of [600, 3_600]) {
    for (const built of bundles) {
      const row = await look(built, history);
      if (!row) {
        console.log("skipped: no Chromium (`apt-get install chromium`)");
        process.exit(0);
      }
      loads.push(loadavg()[0]);
      rows.push(row);
      console.error(JSON.stringify(row));
    }
  }
}
console.log(`${cpus().length} CPUs (${/^model name\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "?"}), no GPU; load ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}; ${ROUNDS} rounds of ${SECONDS} s; median (least–most)\n`);
console.log("| charts | points | page, gzipped | longest task, ms | its CPU, ms | tasks > 16.7 ms | frames missed | frame p99, ms | renderer CPU | all of Chromium |\n|---|---|---|---|---|---|---|---|---|---|");
for (const history of [600, 3_600]) {
  for (const { library, bytes } of bundles) {
    const of = rows.filter((row) => row.library === library && row.history === history);
    console.log(`| ${library} | ${history} | ${(bytes / 1e3).toFixed(0)} kB | ${range(of, "task_max_ms", 1)} | ${range(of, "task_cpu_ms", 1)} | ${range(of, "tasks_over", 0)} | ${range(of, "missed", 0)} of ${of[0].frames} | ${range(of, "frame_p99_ms", 1)} | ${range(of, "renderer_percent", 1)} % | ${range(of, "all_percent", 1)} % |`);
  }
}

// Opens reports in Chromium and looks at them as people would: light, dark, on a telephone, with the keyboard, through axe.
// Called by `cargo xtask browser`: node check.mjs CHROMIUM REPORT.html… [--without-script PAGE.html…] Ends with 1 when something is
// wrong, all of it told.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE_MS = 60_000;
// Rules of WCAG 2.2 up to AA, and what axe calls good practice.
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const LOOKS = [
  { name: "light", width: 1200, height: 900, theme: "light" },
  { name: "dark", width: 1200, height: 900, theme: "dark" },
  { name: "360 px wide", width: 360, height: 740, theme: "light" },
];

const [executablePath, ...named] = process.argv.slice(2);
const border = named.includes("--without-script") ? named.indexOf("--without-script") : named.length;
const reports = named.slice(0, border);
const plain = named.slice(border + 1);
const findings = [];

/// Opens a report and hands it to `look`, watching what it says and what it reaches for.
async function open(browser, report, look, check, ready = "html.drawn, #no-charts:not([hidden])") {
  const page = await browser.newPage();
  const tell = (what) => findings.push(`${report} (${look.name}): ${what}`);
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) tell(`the console says: ${message.text()}`);
  });
  page.on("pageerror", (error) => tell(`a script failed: ${error.message}`));
  page.on("request", (request) => {
    if (!/^(file|data|blob):/.test(request.url())) tell(`it reaches for ${request.url()}`);
  });
  try {
    await page.setViewport({ width: look.width, height: look.height });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: look.theme }]);
    await page.goto(pathToFileURL(report).href);
    await page.waitForSelector(ready);
    await check(page, tell);
  } catch (error) {
    tell(`it could not be looked at: ${error.message}`);
  } finally {
    await page.close();
  }
}

async function hasNoViolations(page, tell) {
  // The tables that are folded away count as well.
  await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => { fold.open = true; }));
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: "tag", values } }), RULES);
  if (passes.length === 0) tell("axe found nothing to judge");
  for (const { id, help, nodes } of violations) {
    tell(`axe, ${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}${nodes.length > 3 ? ` and ${nodes.length - 3} more` : ""}`);
  }
}

async function isDrawnWithinItsWidth(page, tell) {
  const { empty, charts, over } = await page.evaluate(() => ({
    charts: document.querySelectorAll("div.plot").length,
    // `.plot` is also what Plotly calls a part of each of its own.
    empty: [...document.querySelectorAll("div.plot")]
      .filter((plot) => !plot.querySelector(".scatterlayer .trace, .barlayer .trace, .heatmaplayer .hm"))
      .map((plot) => plot.id),
    over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  }));
  if (charts === 0) tell("it has no chart");
  if (empty.length > 0) tell(`not drawn: ${empty.join(", ")}`);
  if (over > 0) tell(`it is ${over} px wider than its window`);
}

/// A comparison is within its width, and its answers are in sight without scrolling to the side.
async function answersInSight(page, tell) {
  const { over, answers, hidden } = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const cells = [...document.querySelectorAll("td.answer")];
    return {
      over: document.documentElement.scrollWidth - width,
      answers: cells.length,
      hidden: cells.filter((cell) => cell.getBoundingClientRect().right > width).length,
    };
  });
  if (answers === 0) tell("it has no answer");
  if (over > 0) tell(`it is ${over} px wider than its window`);
  if (hidden > 0) tell(`${hidden} of ${answers} answers are out of sight`);
}

/// A frame within a frame looks like a slip.
async function framesStandAlone(page, tell) {
  const nested = await page.evaluate(() => {
    const isFrame = (part) => parseFloat(getComputedStyle(part).borderLeftWidth) > 0 && parseFloat(getComputedStyle(part).borderTopLeftRadius) > 4;
    const frames = [...document.querySelectorAll("main *")].filter((part) => part.matches("figure, .scroll, .verdict, .card") && isFrame(part));
    return frames.filter((inner) => frames.some((outer) => outer !== inner && outer.contains(inner))).length;
  });
  if (nested > 0) tell(`${nested} frames stand in one another`);
}

/// A table is filtered by what is typed, the count is told, and paper has all rows.
async function filters(page, tell) {
  const field = await page.$("#endpoints input[type=search]");
  if (!field) return;
  const rows = () => page.$$eval("#endpoints tbody tr", (all) => ({ all: all.length, shown: all.filter((row) => row.offsetParent !== null).length }));
  const { all } = await rows();
  await field.type("no endpoint is called this");
  const said = await page.$eval("#endpoints [role=status]", (status) => status.textContent);
  if ((await rows()).shown !== 0 || said !== `0 of ${all} shown`) tell(`the filter leaves ${(await rows()).shown} rows and says “${said}”`);
  await page.emulateMediaType("print");
  if ((await rows()).shown !== all) tell("paper lacks the rows that the screen has filtered away");
  await page.emulateMediaType(null);
  await field.evaluate((input) => { input.value = ""; input.dispatchEvent(new Event("input")); });
  if ((await rows()).shown !== all) tell("an emptied filter does not bring the rows back");
}

/// A head sorts by the keyboard and says how.
async function sorts(page, tell) {
  const head = await page.$("#endpoints thead th:nth-child(2) button");
  if (!head) return;
  await head.focus();
  await page.keyboard.press("Enter");
  const order = await page.$eval("#endpoints thead th:nth-child(2)", (cell) => cell.getAttribute("aria-sort"));
  if (order !== "descending") tell(`the table sorted by requests says “${order}”`);
}

/// A word of the glossary tells its meaning with the focus and under the pointer, stays under it, and goes at Escape.
async function explains(page, tell) {
  const word = await page.$("main button.term");
  if (!word) return tell("no word has its meaning");
  const shown = () => page.$eval("#tip", (tip) => !tip.hidden && tip.textContent.length > 0);
  const described = await word.evaluate((button) => document.getElementById(button.getAttribute("aria-describedby"))?.textContent.length > 0);
  if (!described) tell("screen readers do not get a word's meaning");
  await word.focus();
  if (!(await shown())) tell("the focus does not show a word's meaning");
  await page.keyboard.press("Escape");
  if (await shown()) tell("Escape does not take a word's meaning away");
  await word.evaluate((button) => button.blur());
  await word.hover();
  if (!(await shown())) tell("the pointer does not show a word's meaning");
  const tip = await page.$("#tip");
  await tip.hover();
  await new Promise((done) => setTimeout(done, 600)); // longer than it takes to go
  if (!(await shown())) tell("a word's meaning goes away under the pointer");
  await page.mouse.move(2, 2);
  await page.waitForFunction(() => document.getElementById("tip").hidden);
}

async function switchesTheme(page, tell) {
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await paper();
  await page.click("#theme");
  if ((await paper()) === before) tell("the button for light and dark changes nothing");
}

const browser = await puppeteer.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  timeout: PATIENCE_MS,
  protocolTimeout: PATIENCE_MS,
});
try {
  for (const report of reports) {
    for (const look of LOOKS) {
      await open(browser, report, look, async (page, tell) => {
        await isDrawnWithinItsWidth(page, tell);
        await hasNoViolations(page, tell);
      });
    }
    await open(browser, report, LOOKS[0], async (page, tell) => {
      for (const check of [filters, sorts, explains, switchesTheme]) await check(page, tell);
    });
  }
  for (const page of plain) {
    for (const look of LOOKS) {
      await open(browser, page, look, async (page, tell) => {
        for (const check of [answersInSight, framesStandAlone, hasNoViolations]) await check(page, tell);
      }, "main");
    }
  }
} finally {
  await browser.close();
}
for (const finding of findings) console.log(finding);
console.log(`${reports.length} reports, each in ${LOOKS.length} looks and by hand, ${plain.length} comparison in the same looks: ${findings.length} findings`);
process.exitCode = findings.length > 0 ? 1 : 0;

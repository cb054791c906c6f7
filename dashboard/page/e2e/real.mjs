// `node e2e/real.mjs URL [--model open] [--pictures DIR] [--no-end]`: the page on a run that is going on, started with
// `loadforge run … --dashboard`; URL as it is printed, with the token. The run should have some 20 seconds left, a path that
// answers, and thresholds if they are to be seen. Neighbours: a test of the program calls it. Invariant: it steers the run and
// then stops it; it ends with 1 when something is not as it should be, all of it told.
import { accessibility, card, expect, openPage, points, scrollsSideways, startBrowser, until } from "./browser.mjs";

const [url, ...rest] = process.argv.slice(2);
const option = (name) => (rest.includes(`--${name}`) ? rest[rest.indexOf(`--${name}`) + 1] : undefined);
if (!url?.includes("#token=")) {
  console.error("give the address that loadforge run --dashboard printed, with its #token=");
  process.exit(2);
}
const open = option("model") === "open";
const pictures = option("pictures");
const CHARTS = ["throughput", "response", "users", "errors", "lag", "cpu"];

const browser = await startBrowser();
if (!browser) {
  console.log("skipped: no Chromium (`apt-get install chromium`)");
  process.exit(0);
}
const failures = [];
async function step(name, look) {
  try {
    await look();
    console.log(`ok      ${name}`);
  } catch (error) {
    failures.push(name);
    console.log(`FAILED  ${name}\n    ${error.message}`);
  }
}

const { page, findings } = await openPage(browser, url, { width: 1440, height: 1000, losses: true });
const state = () => page.locator("[data-state]").getAttribute("data-state");
const picture = (name) => (pictures ? page.screenshot({ path: `${pictures}/real-${name}.png`, fullPage: true }) : undefined);
const panel = page.locator("#steering");

await step("cards show figures and move", async () => {
  await until("figures", async () => (await card(page, "rps")) > 0 && (await card(page, "users")) !== null && (await card(page, "p95")) > 0);
  const before = await card(page, "p95");
  await until("p95 moves", async () => (await card(page, "p95")) !== before);
});
await step("every chart has points, and gets more", async () => {
  for (const chart of CHARTS) {
    const before = await points(page, chart);
    expect(before >= 1, `${chart} has no point`);
    await until(`${chart} grows`, async () => (await points(page, chart)) > before);
  }
});
await step("the endpoint table sorts and filters", async () => {
  const rows = () => page.locator("#endpoints tbody th").count();
  await until("a row", async () => (await rows()) > 0);
  const head = page.locator("#endpoints").getByRole("button", { name: "p99", exact: true });
  await head.click();
  expect((await page.locator('#endpoints th[aria-sort="descending"]').innerText()).startsWith("p99"), "it is not sorted by p99");
  await head.click();
  expect((await page.locator('#endpoints th[aria-sort="ascending"]').innerText()).startsWith("p99"), "it is not turned round");
  await page.locator("#endpoints").getByRole("searchbox").fill("no endpoint is called this");
  await until("nothing is left", () => page.getByText("No endpoint has this in its name.").isVisible());
  await page.locator("#endpoints").getByRole("searchbox").fill("");
});
await step("who has the token may steer, and another number takes effect", async () => {
  await until("the panel", () => panel.isVisible());
  await panel.getByLabel("Your name").fill("Anna");
  const value = open ? 40 : 3;
  await panel.getByLabel(open ? "Iterations a second" : "Users", { exact: true }).fill(String(value));
  await panel.getByRole("button", { name: "Set" }).click();
  await until("the answer", () => panel.locator('[data-answer="done"]').isVisible());
  await until("the event, with the name", () => page.locator('#events [data-event="steered"]', { hasText: "Anna" }).first().isVisible());
  if (open) await until("the rate", async () => Number((await page.locator("#chart-throughput .plot").getAttribute("data-last")).split(" ")[0]) === value);
  else await until("the users", async () => (await card(page, "users")) === value);
  await picture("steered");
});
await step("it pauses and goes on", async () => {
  await panel.getByRole("button", { name: "❙❙ Pause" }).click();
  await until("paused", async () => (await state()) === "paused");
  await panel.getByRole("button", { name: "▶ Go on" }).click();
  await until("running", async () => (await state()) === "running");
  await panel.getByRole("button", { name: "Back to the plan" }).click();
  await until("as planned", () => panel.getByText("as planned").isVisible());
});
await step("it is clean, and as wide as a telephone", async () => {
  const found = await accessibility(page);
  expect(found.length === 0, found.join("; "));
  await page.setViewportSize({ width: 360, height: 740 });
  const over = await scrollsSideways(page);
  expect(over <= 0, `${over} px too wide at 360 px`);
  await page.setViewportSize({ width: 1440, height: 1000 });
});
if (!rest.includes("--no-end")) {
  await step("stop drains the run, and its end is told", async () => {
    await panel.getByRole("button", { name: "■ Stop" }).click();
    await until("finished", async () => (await state()) === "finished");
    await until("the end", () => page.locator('[data-notice="finished"]').isVisible());
    await until("the whole run", () => page.getByText("the whole run").first().isVisible());
    await picture("finished");
  });
}
await step("nothing went wrong on the page", async () => expect(findings.length === 0, findings.join("; ")));
await browser.close();
console.log(failures.length === 0 ? "the page is as it should be" : `${failures.length} to mend`);
process.exit(failures.length === 0 ? 0 : 1);

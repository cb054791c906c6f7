// `node e2e/pictures.mjs DIR [WORDS]`: pictures of the page in all its states, from made-up runs. Neighbours: run.mjs looks whether
// they are right; these are for eyes. Invariant: equal pages give equal pictures, but for what a clock moves.
import { mkdir } from "node:fs/promises";
import { openPage, points, startBrowser, until } from "./browser.mjs";
import { Mock, sampleRuns } from "../mock/server.mjs";

const [folder, ...words] = process.argv.slice(2);
if (!folder) {
  console.error("give the folder that pictures go to");
  process.exit(2);
}
await mkdir(folder, { recursive: true });
const browser = await startBrowser();
if (!browser) {
  console.log("skipped: no Chromium (`apt-get install chromium`)");
  process.exit(0);
}

async function picture(name, mockOptions, pageOptions, prepare) {
  if (words.length > 0 && !name.includes(words.join(" "))) return;
  const mock = await new Mock({ tickMs: 0, duration_s: 300, ...mockOptions }).start();
  const { page, close } = await openPage(browser, pageOptions.url?.(mock) ?? mock.url, { width: 1360, height: 900, losses: true, ...pageOptions });
  try {
    await prepare(page, mock);
    await page.waitForTimeout(600);
    await page.screenshot({ path: `${folder}/${name}.png`, fullPage: pageOptions.whole ?? true });
    console.log(`${folder}/${name}.png`);
  } finally {
    await close();
    await mock.stop();
  }
}

const drawn = (count, chart = "cpu") => async (page) => {
  await until("points", async () => (await points(page, chart)) >= count);
};
const RUNNING = { history: 140, kind: "spike" };
const PHASES = [{ name: "warm-up", from_s: 0, until_s: 20, role: "warm_up" }, { name: "load", from_s: 20, until_s: 300, role: "measured" }];

await picture("running", { history: 140 }, {}, drawn(140));
await picture("running-dark", { ...RUNNING, phases: PHASES }, { theme: "dark" }, drawn(140));
await picture("spike", { ...RUNNING, model: "open", rate: 200 }, {}, drawn(140));
await picture("errors", { history: 90, kind: "errors" }, {}, drawn(90));
await picture("steered", { history: 60 }, {}, async (page, mock) => {
  await drawn(60)(page);
  await page.getByLabel("Your name").fill("Anna");
  await page.locator("#level-users").fill("50");
  await page.getByRole("button", { name: "Set" }).click();
  await until("the answer", () => page.locator('[data-answer="done"]').isVisible());
  for (let count = 0; count < 25; count += 1) mock.tick();
  await drawn(85)(page);
});
await picture("end-now", { history: 60 }, { whole: false }, async (page) => {
  await drawn(60)(page);
  await page.getByRole("button", { name: "End now …" }).click();
});
await picture("stretch", RUNNING, {}, async (page) => {
  await drawn(140)(page);
  await page.locator("#chart-response .plot-frame").focus();
  for (let count = 0; count < 4; count += 1) await page.keyboard.press("Shift+PageUp");
});
await picture("waiting", {}, { whole: false }, (page) => until("waiting", () => page.getByText("Waiting for the first second").isVisible()));
await picture("token", { needsToken: true }, { whole: false, url: (mock) => `${mock.origin}/` }, (page) => until("the question", () => page.getByText("needs a token").isVisible()));
await picture("lost", { history: 140 }, {}, async (page, mock) => {
  await drawn(140)(page);
  mock.lose();
  await until("lost", () => page.getByText("The connection is lost").isVisible());
});
await picture("gone", { history: 140 }, { whole: false }, async (page, mock) => {
  await drawn(140)(page);
  mock.lose();
  await until("gone", () => page.getByText("can no longer be seen").isVisible());
});
await picture("finished", { ...RUNNING, duration_s: 141 }, {}, async (page, mock) => {
  await drawn(140)(page);
  mock.tick();
  mock.tick();
  await until("over", () => page.getByText("The run is over").isVisible());
});
await picture("phone", RUNNING, { width: 360, height: 740 }, drawn(140));
await picture("phone-dark", RUNNING, { width: 360, height: 740, theme: "dark" }, drawn(140));
await picture("saved-list", { saved: sampleRuns() }, { whole: false }, (page) => until("runs", () => page.locator("tbody tr").count()));
await picture("saved-run", { saved: sampleRuns() }, { url: (mock) => `${mock.origin}/#/runs/checkout-20261119T081500Z` }, async (page) => {
  await drawn(90)(page);
  await page.locator('input[type="range"]').fill("40");
});
await picture("side-by-side", { saved: sampleRuns() }, { url: (mock) => `${mock.origin}/#/runs/shop-20261121T093000Z/shop-20261120T170200Z` }, drawn(120, "p95"));
await picture("side-by-side-dark", { saved: sampleRuns() }, { theme: "dark", url: (mock) => `${mock.origin}/#/runs/shop-20261121T093000Z/shop-20261120T170200Z` }, drawn(120, "p95"));
await browser.close();

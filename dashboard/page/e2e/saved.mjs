// Cases on runs that are over. Neighbours: run.mjs runs them; mock/server.mjs makes the runs up.
import { accessibility, card, expect, points, scrollsSideways, until } from "./browser.mjs";
import { sampleRuns, savedRun } from "../mock/server.mjs";
import { onPage } from "./live.mjs";

const PROBLEM = { id: "half-20261118T080000Z", message: "run.json is cut off" };
const folder = () => ({ saved: sampleRuns(), problems: [PROBLEM], tickMs: 0 });

export const cases = {
  "the list of runs sorts, filters and tells what it could not read": (browser) => onPage(browser, folder(), {}, async (page) => {
    const names = () => page.locator("tbody th a").allInnerTexts();
    await until("three runs", async () => (await names()).length === 3);
    expect(await page.getByText("run.json is cut off").isVisible(), "the problem is not told");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    expect((await names()).join() === "checkout,shop,shop", `sorted by name it is ${await names()}`);
    await page.getByRole("searchbox").fill("check");
    expect((await names()).join() === "checkout", "the filter leaves others");
    expect((await page.locator("tbody svg.spark path").first().getAttribute("d")).length > 50, "no line");
    const found = await accessibility(page);
    expect(found.length === 0, found.join("; "));
  }),

  "a saved run opens and can be scrubbed through": (browser) => onPage(browser, folder(), {}, async (page) => {
    await page.locator("tbody th a").last().click();
    await until("its charts", async () => (await points(page, "throughput")) === 90);
    await until("its whole", () => page.getByText("the whole run").first().isVisible());
    await until("that it was cut off", () => page.getByText("The run was cut off after").isVisible());
    const whole = await card(page, "p95");
    await page.locator('input[type="range"]').fill("19");
    await until("the twentieth second", () => page.getByText("the second up to 0:20").isVisible());
    const twentieth = await card(page, "p95");
    await page.locator('input[type="range"]').press("ArrowRight");
    await until("the next", () => page.getByText("the second up to 0:21").isVisible());
    expect((await card(page, "p95")) !== twentieth && twentieth !== whole, "cards do not follow the scrubber");
    await page.keyboard.press("Escape");
    await until("the whole again", async () => (await card(page, "p95")) === whole);
    expect((await page.locator("#steering").count()) === 0, "a saved run cannot be steered");
    const found = await accessibility(page);
    expect(found.length === 0, found.join("; "));
    await page.getByRole("link", { name: "all runs" }).click();
    await until("the list", () => page.getByRole("heading", { name: "Runs", exact: true }).isVisible());
  }),

  "two runs are shown side by side": async (browser) => {
    for (const [theme, width] of [["light", 1280], ["dark", 360]]) {
      await onPage(browser, folder(), { theme, width }, async (page) => {
        const go = page.getByRole("button", { name: "Side by side" });
        expect(await go.isDisabled(), "two must be chosen first");
        await page.getByRole("checkbox").nth(0).check();
        await page.getByRole("checkbox").nth(1).check();
        await go.click();
        await until("both", async () => (await points(page, "p95")) === 120);
        const last = await page.locator("#chart-done .plot").getAttribute("data-last");
        expect(last.split(" ").length === 2 && last.split(" ").every((value) => Number(value) > 0), `both have a line: ${last}`);
        expect((await page.locator("table tbody tr").first().innerText()).includes("%"), "no difference is told");
        expect((await scrollsSideways(page)) <= 0, "it is too wide");
        const found = await accessibility(page);
        expect(found.length === 0, found.join("; "));
      });
    }
  },

  "a single run is shown at once": (browser) => onPage(browser, { saved: sampleRuns().slice(0, 1), tickMs: 0 }, {}, async (page) => {
    await until("its charts", async () => (await points(page, "cpu")) === 120);
    expect((await page.getByRole("link", { name: "all runs" }).count()) === 0, "there is no list to go back to");
  }),

  "a run that is not there is told": (browser) => onPage(browser, folder(), { losses: true, url: (mock) => `${mock.origin}/#/runs/gone` }, async (page) => {
    await until("the refusal", () => page.getByText("there is no run gone").isVisible());
  }),

  "an empty folder and an empty run are told": async (browser) => {
    await onPage(browser, { saved: [], tickMs: 0 }, {}, async (page) => {
      await until("it is empty", () => page.getByText("There is no run in this directory.").isVisible());
    });
    await onPage(browser, { saved: [savedRun("none", { duration_s: 0 })], tickMs: 0 }, {}, async (page) => {
      await until("no figures", () => page.locator('[data-card="p95"]').isVisible());
    });
  },
};

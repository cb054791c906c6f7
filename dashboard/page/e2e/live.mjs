// Cases on a run that goes on. Neighbours: run.mjs runs them; mock/server.mjs is the run. Invariant: no case depends on how fast
// the machine is; the mock's seconds come as fast as TICK_MS says.
import { accessibility, card, expect, openPage, points, scrollsSideways, settled, until } from "./browser.mjs";
import { Mock } from "../mock/server.mjs";

const TICK_MS = 150;

/** A mock and a page on it, both ended whatever happens; the page must have had nothing to complain of. */
export async function onPage(browser, mockOptions, pageOptions, look) {
  const mock = await new Mock({ tickMs: TICK_MS, duration_s: 3_000, ...mockOptions }).start();
  const opened = await openPage(browser, pageOptions.url?.(mock) ?? mock.url, pageOptions);
  try {
    await look(opened.page, mock);
    expect(opened.findings.length === 0, opened.findings.join("; "));
  } catch (error) {
    const text = await opened.page.locator("body").innerText().catch(() => "");
    error.message += `\n    the page: ${text.replace(/\s+/g, " ").slice(0, 400)}${opened.findings.length > 0 ? `\n    findings: ${opened.findings.join("; ")}` : ""}`;
    throw error;
  } finally {
    await opened.close();
    await mock.stop();
  }
}

const chartView = (page, chart) => page.locator(`#chart-${chart} .plot`).getAttribute("data-view").then((text) => text.split(" ").map(Number));
const stateIs = (page, state) => until(`the state ${state}`, async () => (await page.locator("[data-state]").getAttribute("data-state")) === state);
const linkIs = (page, link) => until(`the connection is ${link}`, () => page.locator(`[data-link="${link}"]`).count());
const CHARTS = ["throughput", "response", "users", "errors", "lag", "cpu"];

async function drag(page, chart, from, to) {
  await page.locator(`#chart-${chart}`).scrollIntoViewIfNeeded();
  const box = await page.locator(`#chart-${chart} .u-over`).boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * from, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * ((from + to) / 2), y, { steps: 4 });
  await page.mouse.move(box.x + box.width * to, y, { steps: 4 });
  await page.mouse.up();
}

/** Every second from the first to the last is there once. */
const isWhole = async (page, mock) => {
  const count = await points(page, "throughput");
  return count > 0 && Math.abs(count - mock.seconds.length) <= 1 && count;
};

export const cases = {
  "cards move and every chart has points": (browser) => onPage(browser, { kind: "errors", history: 20 }, {}, async (page) => {
    await until("figures in all cards", async () => (await card(page, "rps")) > 0 && (await card(page, "p95")) > 0 && (await card(page, "users")) > 0 && (await card(page, "error_rate")) > 0);
    const first = [await card(page, "rps"), await card(page, "p95"), await card(page, "p99")];
    for (const [index, name] of ["rps", "p95", "p99"].entries()) await until(`${name} moves`, async () => (await card(page, name)) !== first[index]);
    for (const chart of CHARTS) {
      const before = await points(page, chart);
      expect(before >= 20, `${chart} has ${before} points`);
      await until(`${chart} grows`, async () => (await points(page, chart)) > before);
    }
    await until("errors have a colour in the legend", () => page.locator("#chart-errors .legend li", { hasText: "5xx" }).isVisible());
  }),

  "before its first second the page says that it waits": (browser) => onPage(browser, { tickMs: 0 }, {}, async (page, mock) => {
    await until("waiting", () => page.getByText("Waiting for the first second").isVisible());
    expect((await accessibility(page)).length === 0, (await accessibility(page)).join("; "));
    mock.tick();
    await until("the first second", async () => (await card(page, "rps")) > 0);
    expect((await points(page, "throughput")) === 1, "one second is one point");
  }),

  "the endpoint table sorts and filters": (browser) => onPage(browser, { history: 10, tickMs: 0 }, {}, async (page) => {
    const table = page.locator("#endpoints");
    const names = () => table.locator("tbody th").allInnerTexts();
    const figures = async (column) => (await table.locator(`tbody td:nth-child(${column})`).allInnerTexts()).map((text) => Number(text.replaceAll(",", "")));
    await until("rows", async () => (await names()).length === 12);
    const down = await figures(2);
    expect(down.every((value, index) => index === 0 || value <= down[index - 1]), `requests are not sorted: ${down}`);
    await table.getByRole("button", { name: "requests" }).click();
    const up = await figures(2);
    expect(up.join() === [...down].reverse().sort((a, b) => a - b).join(), `requests are not turned round: ${up}`);
    expect((await table.locator('th[aria-sort="ascending"]').innerText()).startsWith("requests"), "the head does not say so");
    await table.getByRole("button", { name: "Endpoint" , exact: false }).last().click();
    await table.getByRole("searchbox").fill("product");
    expect((await names()).length === 1, "the filter leaves one row");
    await table.getByRole("searchbox").fill("nothing like it");
    await until("an empty table is told", () => table.getByText("No endpoint has this in its name.").isVisible());
  }),

  "a hostile name is text": (browser) => onPage(browser, { history: 10, tickMs: 0, name: "<script>alert(1)</script>" }, {}, async (page) => {
    await until("the endpoint", () => page.locator("#endpoints").getByText("<img src=x onerror=alert(1)>").isVisible());
    expect((await page.locator("img, main script").count()) === 0, "a name became an element");
    expect((await page.locator("h1").innerText()) === "<script>alert(1)</script>", "the run's name is not as it is");
  }),

  "a lost connection is told, and comes back without gaps": (browser) => onPage(browser, { history: 30 }, { losses: true }, async (page, mock) => {
    await linkIs(page, "open");
    mock.lose();
    await linkIs(page, "lost");
    await until("the notice", () => page.getByText("The connection is lost").isVisible());
    expect((await page.getByRole("button", { name: "❙❙ Pause" }).count()) === 0, "nobody can steer what cannot be reached");
    const kept = await settled(() => points(page, "throughput"));
    expect(kept >= 30, `figures are gone: ${kept} points`);
    await until("seconds that are missed", () => mock.seconds.length > kept + 5);
    expect((await settled(() => points(page, "throughput"))) === kept, "points came without a connection");
    mock.back();
    await linkIs(page, "open");
    await until("no gap", () => isWhole(page, mock));
    await until("the notice is gone", async () => (await page.locator("[data-notice]").count()) === 0);
  }),

  "a run that stays away is told with the way to its figures": (browser) => onPage(browser, { history: 30 }, { losses: true }, async (page, mock) => {
    await linkIs(page, "open");
    mock.lose();
    await until("it can no longer be seen", () => page.getByText("This run can no longer be seen").isVisible());
    await until("the command", () => page.getByText("loadforge dashboard results/shop-20261121T093000Z").isVisible());
    expect((await points(page, "cpu")) >= 30, "figures are gone");
    const found = await accessibility(page);
    expect(found.length === 0, found.join("; "));
  }),

  "another run at the same address replaces the old one": (browser) => onPage(browser, { history: 30 }, { losses: true }, async (page, mock) => {
    await linkIs(page, "open");
    mock.lose();
    mock.reset("ffff", 3);
    mock.back();
    await until("the new run's few seconds", async () => { const count = await points(page, "throughput"); return count >= 3 && count < 30; });
  }),

  "seconds that a slow page was not sent are fetched": (browser) => onPage(browser, { history: 10, tickMs: 0 }, {}, async (page, mock) => {
    await until("history", async () => (await points(page, "users")) === 10);
    mock.skip(7);
    await until("all seconds", async () => (await points(page, "users")) === 18);
  }),

  "the end is told, with the report": (browser) => onPage(browser, { history: 10, tickMs: 0, duration_s: 11 }, {}, async (page, mock) => {
    await until("history", async () => (await points(page, "users")) === 10);
    mock.tick();
    await stateIs(page, "draining");
    mock.tick();
    await stateIs(page, "finished");
    await until("the report", () => page.getByText("results/shop-20261121T093000Z/report.html").isVisible());
    await until("the whole run", () => page.getByText("the whole run").first().isVisible());
    expect((await page.locator("#steering").count()) === 0, "a run that is over cannot be steered");
    const found = await accessibility(page);
    expect(found.length === 0, found.join("; "));
  }),

  "a page opened after the end shows the run": (browser) => onPage(browser, { history: 10, tickMs: 0 }, { url: (mock) => { mock.state = "finished"; return mock.url; } }, async (page) => {
    await stateIs(page, "finished");
    await until("all seconds", async () => (await points(page, "users")) === 10);
    await until("it is over", () => page.getByText("The run is over").isVisible());
    expect((await page.locator('[data-notice="lost"]').count()) === 0, "the end is taken for a loss");
  }),

  "orders carry token and name, and their effect shows": (browser) => onPage(browser, { history: 5 }, { losses: true }, async (page, mock) => {
    const panel = page.locator("#steering");
    await panel.getByLabel("Your name").fill("Anna");
    await panel.getByLabel("Users").fill("50");
    await panel.getByRole("button", { name: "Set" }).click();
    await until("the answer", () => panel.getByText("Anna set 50 users").isVisible());
    await until("50 users", async () => (await card(page, "users")) >= 49);
    await until("the event", () => page.locator("#events").getByText("Anna set 50 users").isVisible());
    await until("the second with the event is here", () => mock.seconds.at(-3)?.steering.users === 50);
    expect((await page.locator("#events").getByText("Anna set 50 users").count()) === 1, "the event stands there twice");
    expect(mock.orders[0].authorization === "Bearer secret" && mock.orders[0].who === "Anna" && mock.orders[0].value === 50, `the order was ${JSON.stringify(mock.orders[0])}`);
    await panel.getByRole("button", { name: "❙❙ Pause" }).click();
    await stateIs(page, "paused");
    await until("nothing is sent", async () => (await card(page, "rps")) === 0);
    await panel.getByRole("button", { name: "▶ Go on" }).click();
    await stateIs(page, "running");
    await panel.getByRole("button", { name: "Back to the plan" }).click();
    await until("20 users", async () => (await card(page, "users")) <= 20);
    await panel.getByLabel("Users").fill("99999");
    await panel.getByRole("button", { name: "Set" }).click();
    await until("the refusal", () => panel.getByText("give a number from 0 to 10000").isVisible());
    await panel.getByRole("button", { name: "■ Stop" }).click();
    await stateIs(page, "finished");
    expect(mock.orders.map((order) => order.action).join() === "users,pause,resume,plan,users,stop", `orders were ${mock.orders.map((order) => order.action)}`);
  }),

  "a rate is set in the open model": (browser) => onPage(browser, { history: 5, model: "open", rate: 200 }, {}, async (page, mock) => {
    expect((await page.locator("#steering").getByLabel("Users", { exact: true }).count()) === 0, "users cannot be set in the open model");
    await page.getByLabel("Iterations a second").fill("400.5");
    await page.getByLabel("Iterations a second").press("Enter");
    await until("the order", () => mock.orders[0]?.value === 400.5);
    await until("the rate", async () => (await card(page, "rps")) > 380);
    await until("the plan's line", () => page.locator("#chart-throughput .legend").getByText("planned").isVisible());
  }),

  "ending at once asks once more, in its place": (browser) => onPage(browser, { history: 5 }, {}, async (page, mock) => {
    await page.getByRole("button", { name: "End now …" }).click();
    await page.getByRole("button", { name: "Keep running" }).click();
    expect(mock.orders.length === 0, "an order was given");
    await page.getByRole("button", { name: "End now …" }).click();
    await page.getByRole("button", { name: "End it" }).click();
    await stateIs(page, "finished");
    expect(mock.orders[0].action === "end", "it is another order");
  }),

  "who has no token sees, and cannot steer": (browser) => onPage(browser, { history: 5 }, { url: (mock) => `${mock.origin}/` }, async (page) => {
    await until("figures", async () => (await card(page, "rps")) > 0);
    expect((await page.locator("#steering").count()) === 0, "the panel is there");
  }),

  "a server that wants a token is given one": (browser) => onPage(browser, { history: 5, needsToken: true }, { losses: true, url: (mock) => `${mock.origin}/` }, async (page, mock) => {
    await until("the question", () => page.getByText("This page needs a token").isVisible());
    const found = await accessibility(page);
    expect(found.length === 0, found.join("; "));
    await page.getByLabel("Token").fill("wrong");
    await page.getByRole("button", { name: "Show the run" }).click();
    await until("the refusal", () => page.getByText("This token is not the run's.").isVisible());
    await page.getByLabel("Token").fill(mock.options.token);
    await page.keyboard.press("Enter");
    await until("figures", async () => (await card(page, "rps")) > 0);
    await page.reload();
    await until("the token is remembered", async () => (await card(page, "rps")) > 0);
  }),

  "the token leaves the address bar": (browser) => onPage(browser, { history: 5 }, {}, async (page) => {
    await until("the panel", () => page.locator("#steering").isVisible());
    expect(!page.url().includes("secret"), `it is in ${page.url()}`);
  }),

  "a drag selects a stretch in all charts, Esc and double click lead back": (browser) => onPage(browser, { history: 100 }, {}, async (page) => {
    await until("points", async () => (await points(page, "cpu")) >= 100);
    await drag(page, "throughput", 0.25, 0.5);
    await until("a stretch", async () => (await page.locator("[data-selection]").getAttribute("data-selection")) === "range");
    const views = async () => Promise.all(CHARTS.map((chart) => chartView(page, chart)));
    await until("all charts show it", async () => (await views()).every(([from, to]) => from > 15 && from < 35 && to > 40 && to < 60));
    expect((await page.locator(".card .note", { hasText: "worst second" }).count()) === 2, "percentiles of a stretch are its worst second");
    const before = await card(page, "rps");
    const count = await points(page, "cpu");
    await until("more seconds", async () => (await points(page, "cpu")) > count + 2);
    expect((await card(page, "rps")) === before, "figures of a stretch stand still");
    await page.keyboard.press("Escape");
    await until("live again", async () => (await page.locator("[data-selection]").getAttribute("data-selection")) === "now");
    await drag(page, "cpu", 0.25, 0.5);
    await until("a stretch", async () => (await page.locator("[data-selection]").getAttribute("data-selection")) === "range");
    await page.locator("#chart-lag .u-over").dblclick();
    await until("live again", async () => (await page.locator("[data-selection]").getAttribute("data-selection")) === "now");
    await page.getByRole("button", { name: "last minute" }).click();
    await until("a minute", async () => (await views()).every(([from, to]) => Math.abs(to - from - 60) < 0.01));
  }),

  "everything can be done with the keyboard alone": (browser) => onPage(browser, { history: 30, tickMs: 0 }, {}, async (page, mock) => {
    await until("points", async () => (await points(page, "cpu")) === 30);
    await page.keyboard.press("Tab");
    expect((await page.evaluate(() => document.activeElement.textContent)) === "Skip to the figures", "the first stop is not the skip link");
    const seen = new Set();
    let unseen = "";
    for (let stop = 0; stop < 80; stop += 1) {
      await page.keyboard.press("Tab");
      const { name, outlined } = await page.evaluate(() => {
        const element = document.activeElement;
        const style = getComputedStyle(element);
        return { name: `${element.tagName} ${element.getAttribute("aria-labelledby") ?? element.getAttribute("aria-label") ?? element.textContent}`.slice(0, 60), outlined: element === document.body || style.outlineStyle !== "none" };
      });
      if (!outlined) unseen = name;
      seen.add(name);
    }
    expect(unseen === "", `${unseen} has no visible focus`);
    for (const wanted of ["❙❙ Pause", "■ Stop", "End now …", "last minute", "title-throughput", "title-cpu", "requests", "theme"]) {
      expect([...seen].some((name) => name.includes(wanted)), `${wanted} is never reached: ${[...seen].join(" / ")}`);
    }
    await page.locator("#chart-response .plot-frame").focus();
    await page.keyboard.press("ArrowLeft");
    await until("a second", () => page.getByText("the second up to 0:29").isVisible());
    expect((await page.locator("#chart-response .plot-frame").getAttribute("aria-valuetext")).includes("p95"), "the chart does not tell its figures");
    await page.keyboard.press("Shift+ArrowLeft");
    await page.keyboard.press("Shift+ArrowLeft");
    await until("a stretch", () => page.getByText("0:27 to 0:29").first().isVisible());
    await page.keyboard.press("Escape");
    await until("live", () => page.getByText("the last second", { exact: true }).isVisible());
    await page.getByRole("button", { name: "■ Stop" }).focus();
    await page.keyboard.press("Enter");
    await until("the order", () => mock.orders[0]?.action === "stop");
  }),

  "a wrong clock of the browser changes nothing": (browser) => onPage(browser, { history: 60, duration_s: 300, tickMs: 1_000 }, { before: (page) => page.addInitScript(() => { const real = Date; window.Date = class extends real { constructor(...given) { super(...(given.length > 0 ? given : [real.UTC(1999, 0, 1)])); } static now() { return real.UTC(1999, 0, 1); } }; }) }, async (page, mock) => {
    await until("points", async () => (await points(page, "cpu")) >= 60);
    const elapsed = Number(await page.locator("[data-elapsed]").getAttribute("data-elapsed"));
    expect(elapsed >= 60 && elapsed <= mock.nowS + 5, `the run is said to be ${elapsed} s old`);
    expect((await page.locator(".meta").first().innerText()).includes("2026-11-21 09:30 UTC"), "the start is told by the browser's calendar");
    await until("time goes on", async () => Number(await page.locator("[data-elapsed]").getAttribute("data-elapsed")) > elapsed + 0.5);
  }),

  "words are explained on hover and on focus": (browser) => onPage(browser, { history: 5, tickMs: 0 }, {}, async (page) => {
    await until("figures", async () => (await card(page, "rps")) > 0);
    await page.locator('[data-card="p95"] .term').focus();
    await until("the meaning", () => page.getByRole("tooltip").getByText("95 of 100 requests").isVisible());
    await page.keyboard.press("Escape");
    await until("it is gone", async () => (await page.getByRole("tooltip").count()) === 0);
    await page.locator("#chart-lag .term").hover();
    await until("the meaning", () => page.getByRole("tooltip").getByText("It should be tiny").isVisible());
  }),

  "light, dark and 360 px are clean": async (browser) => {
    for (const [theme, width] of [["light", 1280], ["dark", 1280], ["light", 360], ["dark", 360]]) {
      await onPage(browser, { kind: "errors", history: 40, tickMs: 0 }, { theme, width }, async (page) => {
        await until("points", async () => (await points(page, "cpu")) === 40);
        const over = await scrollsSideways(page);
        expect(over <= 0, `${theme}, ${width} px: ${over} px too wide`);
        const found = await accessibility(page);
        expect(found.length === 0, `${theme}, ${width} px: ${found.join("; ")}`);
      });
    }
  },

  "the theme can be switched, and is kept": (browser) => onPage(browser, { history: 5, tickMs: 0 }, {}, async (page) => {
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await until("figures", async () => (await card(page, "rps")) > 0);
    const light = await paper();
    await page.getByRole("button", { name: "theme" }).click();
    const dark = await paper();
    expect(light !== dark, "nothing changed");
    await page.reload();
    await until("figures", async () => (await card(page, "rps")) > 0);
    expect((await paper()) === dark, "the choice is forgotten");
  }),
};

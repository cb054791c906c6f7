// `node e2e/real_ends.mjs killed URL PID`: the page when the supervisor of its run is killed. `node e2e/real_ends.mjs saved URL`: runs that
// are over, served by `loadforge dashboard`, one of them cut off. Neighbours: real.mjs looks at a run that goes on; `cargo xtask page`
// calls both. Invariant: it ends with 1 when something is not as it should be.
import { accessibility, card, expect, openPage, points, settled, startBrowser, until } from "./browser.mjs";

const [what, url, pid] = process.argv.slice(2);
const browser = await startBrowser();
if (!browser) {
  console.log("skipped: no Chromium (`apt-get install chromium`)");
  process.exit(0);
}

const cases = {
  async killed(page) {
    await until("figures", async () => (await points(page, "throughput")) >= 2 && (await card(page, "rps")) > 0);
    process.kill(Number(pid), "SIGKILL");
    await until("that the connection is lost", () => page.getByText("The connection is lost").isVisible());
    const kept = await settled(() => points(page, "throughput"));
    expect(kept >= 2, "figures are gone");
    await until("that it can no longer be seen", () => page.getByText("This run can no longer be seen").isVisible());
    expect(await page.getByText("loadforge dashboard").isVisible(), "no word of where the figures are");
    expect((await points(page, "throughput")) === kept, "figures are gone");
  },

  async saved(page) {
    const names = page.locator("tbody th a");
    await until("both runs", async () => (await names.count()) === 2);
    await page.getByRole("checkbox").nth(0).check();
    await page.getByRole("checkbox").nth(1).check();
    await page.getByRole("button", { name: "Side by side" }).click();
    await until("both drawn", async () => (await points(page, "p95")) >= 1);
    await page.goBack();
    await until("the list", async () => (await names.count()) === 2);
    let cutOff = 0;
    for (const run of [0, 1]) {
      await names.nth(run).click();
      await until("its charts", async () => (await points(page, "throughput")) >= 1);
      cutOff += await page.getByText("The run was cut off after").count();
      const whole = await settled(() => card(page, "rps"));
      await page.locator('input[type="range"]').fill("0");
      await until("its first second", () => page.getByText("the second up to 0:01").isVisible());
      await page.keyboard.press("Escape");
      await until("its whole", async () => (await card(page, "rps")) === whole);
      const found = await accessibility(page);
      expect(found.length === 0, found.join("; "));
      await page.getByRole("link", { name: "all runs" }).click();
    }
    expect(cutOff === 1, `one run was killed, and ${cutOff} say so`);
  },
};

const { page, findings } = await openPage(browser, url, { losses: what === "killed" });
let failed;
try {
  await cases[what](page);
  expect(findings.length === 0, findings.join("; "));
} catch (error) {
  failed = error.message;
}
console.log(failed ? `FAILED  ${what}\n    ${failed}\n    the page: ${(await page.innerText("body")).slice(0, 400)}` : `ok      ${what}`);
await browser.close();
process.exit(failed ? 1 : 0);

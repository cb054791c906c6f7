// `npm run e2e [-- WORDS]`: the page in Chromium against a made-up run; with words, only cases whose name holds them.
// Neighbours: live.mjs and saved.mjs are the cases. Invariant: without Chromium it says that it skipped, and why.
import { startBrowser } from "./browser.mjs";
import { cases as live } from "./live.mjs";
import { cases as saved } from "./saved.mjs";

const wanted = process.argv.slice(2).join(" ");
const browser = await startBrowser();
if (!browser) {
  console.log("skipped: no Chromium (`apt-get install chromium`)");
  process.exit(0);
}
let failed = 0;
for (const [name, look] of Object.entries({ ...live, ...saved })) {
  if (!name.includes(wanted)) continue;
  try {
    await look(browser);
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n    ${error.message}`);
  }
}
await browser.close();
console.log(failed === 0 ? "the page is as it should be" : `${failed} to mend`);
process.exit(failed === 0 ? 0 : 1);

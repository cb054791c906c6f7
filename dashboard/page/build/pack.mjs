// Packs what Vite built: every file of dist/ becomes NAME.gz, and the sum is held against the budget.
// Neighbours: vite.config.ts builds, the Rust side embeds dist/ as it lies. Invariants: equal input gives equal bytes, which is
// why pako packs and not Node: Debian's Node brings another zlib than Node's own, and other bytes. Nothing but *.gz is left.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzip } from "pako";

const BUDGET_BYTES = 200_000;

const dist = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
let total = 0;
for (const entry of (await readdir(dist, { recursive: true, withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
  if (!entry.isFile()) continue;
  const path = join(entry.path ?? entry.parentPath, entry.name);
  const packed = gzip(await readFile(path), { level: 9 });
  await writeFile(`${path}.gz`, packed);
  await rm(path);
  total += packed.length;
  console.log(`${String(packed.length).padStart(8)} bytes  ${entry.name}.gz`);
}
console.log(`${String(total).padStart(8)} bytes  of ${BUDGET_BYTES} at most`);
// What is built only to be measured may be larger.
if (total > BUDGET_BYTES && !process.argv.includes("--any-size")) {
  console.error(`the page is ${total - BUDGET_BYTES} bytes too large: leave something out, or raise the budget in build/pack.mjs with a reason`);
  process.exit(1);
}

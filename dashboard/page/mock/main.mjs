// `npm run mock -- [KEY=VALUE…]`: the page about a made-up run; `mode=saved` for saved ones.
import { Mock, sampleRuns } from "./server.mjs";

const options = Object.fromEntries(process.argv.slice(2).map((pair) => {
  const [key, value = "true"] = pair.split("=");
  return [key, Number.isNaN(Number(value)) ? value : Number(value)];
}));
if (options.mode === "saved") options.saved = sampleRuns();
const mock = await new Mock(options).start(options.port ?? 0);
console.log(mock.url);

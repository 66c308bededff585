// `npm run fuzz -- --minutes 60`: random input to every route and socket of a pool on this machine, for as long as one likes.
import { Command } from "commander";
import { fuzz } from "../test/support/fuzz-campaign.ts";

const options = new Command("fuzz")
  .description("Sends random input to every route and socket of a pool on this machine")
  .option("--minutes <minutes>", "how long", "1")
  .option(
    "--seed <seed>",
    "where the random choices begin; a finding names the one that repeats it",
    `${Date.now() % 1_000_000_000}`,
  )
  .parse()
  .opts<{ minutes: string; seed: string }>();

const { requests, sockets, findings, closes } = await fuzz({
  seed: Number(options.seed),
  minutes: Number(options.minutes),
});
for (const finding of findings) console.log(finding);
for (const [close, times] of [...closes].toSorted(([, one], [, other]) => other - one)) {
  console.log(`closed by the pool with "${close}": ${times}`);
}
console.log(`${requests} requests, ${sockets} sockets, ${findings.length} findings`);
process.exit(findings.length === 0 ? 0 : 1);

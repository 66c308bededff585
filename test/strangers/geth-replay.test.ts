/**
 * `npm run unlocker -- replay` against go-ethereum's own node over HTTP: the chain of the module `private-chain`, imported. (A node of its own
 * would mine for hours: sealing needs its full data set.) Needs Go.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, expect, it } from "vitest";
import { Geth } from "./support/geth.ts";
import { buildGo } from "./support/programs.ts";

const BLOCKS = 1_200;
const ROOT = join(import.meta.dirname, "..", "..");

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

it("explains 1,200 blocks with transactions, uncles and contracts to the Wei, from the command line", async () => {
  const generator = await buildGo("private-chain");
  const folder = await mkdtemp(join(tmpdir(), "edgepool-replay-"));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const made = spawn(generator, [String(BLOCKS), "0", folder], { stdio: ["ignore", "pipe", "ignore"] });
  const [, etherbase = ""] = (await text(made.stdout)).trim().split(" ");
  const geth = await Geth.in(join(folder, "data"));
  await geth.run("init", join(folder, "genesis.json"));
  // The chain's seals are none: --fakepow leaves them unchecked.
  await geth.run("--fakepow", "--gcmode", "archive", "import", join(folder, "chain.rlp"));
  await geth.start("eth,net,debug", ["--gcmode", "archive"]);
  closing.push(() => geth.kill());
  await geth.answers();
  const replay = async (from: number, to: number, chain: string) => {
    const options = ["--from", String(from), "--to", String(to), "--node", geth.url, "--etherbase", etherbase];
    const cli = spawn(process.execPath, ["scripts/unlocker/cli.ts", "replay", ...options, "--chain", chain], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(cli, "exit");
    const said = await text(cli.stdout);
    return { said, code: (await ended)[0] as number };
  };
  const whole = await replay(1, BLOCKS, "ethereum-pow");
  expect(whole).toEqual({
    said: expect.stringMatching(/^1200 blocks, \d+ Wei earned, every block to the Wei\n$/),
    code: 0,
  });
  const other = await replay(1, 40, "classic");
  expect([other.code, other.said]).toEqual([1, expect.stringContaining("blocks not explained")]);
}, 600_000);

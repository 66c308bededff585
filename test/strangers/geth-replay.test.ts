/**
 * `npm run unlocker -- replay` against go-ethereum's own node over HTTP: the chain of the module `private-chain`, imported. (A node of its own
 * would mine for hours: sealing needs its full data set.) Needs Go.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { createNodeRpc } from "../../core/work/node-rpc.ts";
import { httpPost } from "../../durable-objects/platform/http-post.ts";
import { buildGo, installGeth, run } from "./support/programs.ts";

const BLOCKS = 1_200;
const ROOT = join(import.meta.dirname, "..", "..");

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

it("explains 1,200 blocks with transactions, uncles and contracts to the Wei, from the command line", async () => {
  const [geth, generator] = [await installGeth(), await buildGo("private-chain")];
  const folder = await mkdtemp(join(tmpdir(), "edgepool-replay-"));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const made = spawn(generator, [String(BLOCKS), "0", folder], { stdio: ["ignore", "pipe", "ignore"] });
  const [, etherbase = ""] = (await text(made.stdout)).trim().split(" ");
  const data = join(folder, "data");
  await run(geth, ["init", "--datadir", data, join(folder, "genesis.json")], folder);
  // The chain's seals are none: --fakepow leaves them unchecked.
  await run(geth, ["--datadir", data, "--fakepow", "--gcmode", "archive", "import", join(folder, "chain.rlp")], folder);
  const port = await freePort();
  const args = ["--datadir", data, "--gcmode", "archive", "--nodiscover", "--maxpeers", "0", "--port", "0"];
  const http = ["--http", "--http.port", String(port), "--http.api", "eth,net,debug", "--authrpc.port", "0"];
  const node = spawn(geth, [...args, ...http], { stdio: "ignore" });
  closing.push(async () => {
    node.kill("SIGKILL");
    if (node.exitCode === null && node.signalCode === null) await once(node, "exit");
  });
  const url = `http://127.0.0.1:${port}`;
  const rpc = createNodeRpc({ name: "geth", url, timeoutMs: 10_000, secretHeaders: {} }, httpPost);
  while ((await rpc.call({ method: "eth_blockNumber", params: [] })).kind === "failed") await sleep(200);
  const replay = async (from: number, to: number, chain: string) => {
    const options = ["--from", String(from), "--to", String(to), "--node", url, "--etherbase", etherbase];
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

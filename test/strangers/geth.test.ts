/** The program `geth` itself, 1.10.26, started by its flags: what it hands out is mined on, also after its kill -9. A block would take minutes: its lowest difficulty is 131,072. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { customChain } from "@edgepool/ethash-wasm/chain-spec";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startBridge, type Bridge } from "../../bridge/src/index.ts";
import { startMiner, type Miner } from "../../devnet/miner/miner.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { chainConfig, Geth } from "./support/geth.ts";
import { freePort } from "./support/programs.ts";

const NOTIFY = "notify-of-this-test-only";
const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const CHAIN = { name: "stranger", epochLength: 30_000, chainId: 7331 };
const PATIENCE = { timeout: 120_000, interval: 300 };
const GENESIS = {
  config: chainConfig(7331, { ethash: {} }),
  difficulty: "0x20000",
  gasLimit: "0x1c9c380",
  alloc: {},
};

let folder: string;
let geth: Geth;
let pool: PoolProcess;
let bridge: Bridge;
let miner: Miner;
let startGeth: () => Promise<void>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgepool-geth-"));
  geth = await Geth.in(join(folder, "geth"));
  await geth.init(GENESIS);
  const port = await freePort();
  const notify = `http://127.0.0.1:${port}/notify/${NOTIFY}`;
  const mining = ["--mine", "--miner.threads", "0", "--miner.etherbase", LOGIN, "--miner.notify", notify];
  startGeth = () => geth.start("eth,net", ["--networkid", "7331", ...mining]);
  pool = await startPool({
    port,
    stateDir: join(folder, "pool"),
    vars: {
      chain: CHAIN,
      difficulty: 100,
      upstream: [{ name: "geth", url: geth.url, timeout: "20s" }],
    },
    secrets: { NOTIFY_TOKEN: NOTIFY },
  });
  bridge = await startBridge({
    pools: [pool.url.replace("http", "ws")],
    stratum: [{ host: "127.0.0.1", port: 0 }],
    allowInsecure: true,
    proxy: null,
  });
  await startGeth();
}, 900_000);

afterAll(async () => {
  await miner.close();
  await bridge.close();
  await pool.close();
  await geth.kill();
  await rm(folder, { recursive: true, force: true });
});

const health = async (): Promise<unknown> => (await (await fetch(`${pool.url}/health`)).json()).work?.upstreams?.[0];

it("is mined on, killed with kill -9, and mined on again", { timeout: 400_000 }, async () => {
  const headers = new Set<string>();
  miner = startMiner({
    host: "127.0.0.1",
    port: bridge.ports.stratum[0] ?? 0,
    login: LOGIN,
    worker: "rig",
    threads: 1,
    chain: customChain({ name: "stranger", epochLength: 30_000 }),
    onEvent: (event) => void (event.kind === "job" && headers.add(event.header)),
  });
  await expect.poll(() => miner.stats.accepted, PATIENCE).toBeGreaterThanOrEqual(3);
  await geth.kill();
  const old = headers.size;
  await startGeth();
  // It seals another header than before.
  await expect.poll(() => headers.size, PATIENCE).toBeGreaterThan(old);
  const before = miner.stats.accepted;
  await expect.poll(() => miner.stats.accepted, PATIENCE).toBeGreaterThanOrEqual(before + 3);
  await expect.poll(health, PATIENCE).toMatchObject({ name: "geth", healthy: true });
  expect(miner.stats).toMatchObject({ invalid: 0, rejected: 0 });
});

it("makes its data set of 1 GB in its own folder, and nothing in the user's home", { timeout: 400_000 }, async () => {
  const node = geth.rpc();
  const work = await node.call({ method: "eth_getWork", params: [] });
  const [header] = work.kind === "ok" ? Object(work.value) : [];
  // A wrong seal is enough: geth begins before it has judged it.
  const submitted = { method: "eth_submitWork", params: ["0x0000000000000000", header, `0x${"00".repeat(32)}`] };
  expect(await node.call(submitted)).toMatchObject({ kind: "ok", value: false });
  const made = async () => (await readdir(geth.dataSets).catch(() => [])).join(" ");
  await expect.poll(made, PATIENCE).toMatch(/^full-R23-/);
  expect(await readdir(geth.home)).toEqual([]);
});

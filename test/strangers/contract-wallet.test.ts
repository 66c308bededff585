/** A contract wallet's signature (EIP-1271) on go-ethereum itself: the contract gets hash and signature as the pool sends them, and recovers its owner. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { eip191Signer } from "micro-eth-signer";
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkPersonalSign } from "../../core/accounts/personal-sign.ts";
import { accountOf } from "../../core/payouts/payer/transaction.ts";
import { createNodeRpc, type NodeRpc } from "../../core/work/node-rpc.ts";
import { httpPost } from "../../durable-objects/platform/http-post.ts";
import { freePort } from "./support/go-ethereum-node.ts";
import { installGeth, run } from "./support/programs.ts";

const KEY = `0x${"46".repeat(32)}`;
const OWNER = accountOf(KEY) ?? "";
const WALLET = `0x${"c3".repeat(20)}`;
const REFUSES = `0x${"c1".repeat(20)}`;
/**
 * Of the call `isValidSignature(hash, signature)` it hands hash, v, r and s to the precompile that recovers, and answers with EIP-1271's
 * value where that gives the owner, else with zero.
 */
const CODE =
  "0x600435600052" + // memory 0: the hash
  "60a43560f81c602052" + // memory 32: v, the byte behind r and s
  "604060646040" +
  "37" + // memory 64: r and s
  "60206080608060006001" +
  "5afa50" + // STATICCALL of precompile 1, its answer at memory 128
  `60805173${OWNER.slice(2)}14` + // is it the owner?
  "631626ba7e60e01b02" +
  "60005260206000f3";
const FORKS = ["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul"];
const GENESIS = {
  config: { chainId: 7331, ...Object.fromEntries(FORKS.map((name) => [`${name}Block`, 0])), ethash: {} },
  difficulty: "0x20000",
  gasLimit: "0x1c9c380",
  alloc: { [WALLET]: { balance: "0x0", code: CODE }, [REFUSES]: { balance: "0x0", code: "0x60006000fd" } },
};

let folder: string;
let geth: ChildProcess;
let node: NodeRpc;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgepool-wallet-"));
  const program = await installGeth();
  const [http, auth] = [await freePort(), await freePort()];
  await writeFile(join(folder, "genesis.json"), JSON.stringify(GENESIS));
  await run(program, ["--datadir", join(folder, "geth"), "init", join(folder, "genesis.json")], folder);
  const flags =
    `--datadir ${join(folder, "geth")} --networkid 7331 --nodiscover --maxpeers 0 --ipcdisable --syncmode full --port 0 ` +
    `--http --http.addr 127.0.0.1 --http.port ${http} --http.api eth --authrpc.port ${auth} --cache 64`;
  geth = spawn(program, flags.split(" "), { stdio: "ignore" });
  node = createNodeRpc(
    { name: "geth", url: `http://127.0.0.1:${http}`, timeoutMs: 10_000, secretHeaders: {} },
    httpPost,
  );
  while ((await node.call({ method: "eth_blockNumber", params: [] })).kind !== "ok") await sleep(200);
}, 600_000);

afterAll(async () => {
  if (geth?.exitCode === null) {
    geth.kill("SIGKILL");
    await once(geth, "exit");
  }
  await rm(folder, { recursive: true, force: true });
});

it("counts where the contract's owner has signed the text, and nowhere else", async () => {
  const text = "edgepool: settings of a miner\npool: pool.example.org";
  const signature = eip191Signer.sign(text, KEY);
  const refused = { kind: "refused", by: "bad_signature" };
  expect(await checkPersonalSign(text, signature, WALLET, [node])).toEqual({ kind: "genuine" });
  expect(await checkPersonalSign(`${text} `, signature, WALLET, [node])).toMatchObject(refused);
  expect(await checkPersonalSign(text, eip191Signer.sign(text, `0x${"47".repeat(32)}`), WALLET, [node])).toMatchObject(
    refused,
  );
  expect(await checkPersonalSign(text, "0xabcd", WALLET, [node])).toMatchObject(refused);
  expect(await checkPersonalSign(text, signature, REFUSES, [node])).toMatchObject(refused);
  expect(await checkPersonalSign(text, signature, `0x${"99".repeat(20)}`, [node])).toMatchObject(refused);
});

/** A contract wallet's signature (EIP-1271) on go-ethereum itself: the contract gets hash and signature as the pool sends them, and recovers its owner. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eip191Signer } from "micro-eth-signer";
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkPersonalSign } from "../../core/accounts/personal-sign.ts";
import { accountOf } from "../../core/payouts/payer/transaction.ts";
import type { NodeRpc } from "../../core/work/node-rpc.ts";
import { chainConfig, Geth } from "./support/geth.ts";

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
const GENESIS = {
  config: chainConfig(7331, { ethash: {} }),
  difficulty: "0x20000",
  gasLimit: "0x1c9c380",
  alloc: { [WALLET]: { balance: "0x0", code: CODE }, [REFUSES]: { balance: "0x0", code: "0x60006000fd" } },
};

let folder: string;
let geth: Geth | undefined;
let node: NodeRpc;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgepool-wallet-"));
  geth = await Geth.in(join(folder, "geth"));
  await geth.init(GENESIS);
  await geth.start("eth", ["--networkid", "7331"]);
  await geth.answers();
  node = geth.rpc();
}, 600_000);

afterAll(async () => {
  await geth?.kill();
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

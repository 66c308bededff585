import { hexOf, quantity } from "../../work/chain-search.ts";
import { SHANNON_WEI } from "../../payouts/reward-schedule.ts";
import { fieldIn, isRecord, type NodeRpc } from "../../work/node-rpc.ts";
import { parseCount, parseQuantity } from "../../work/node-work.ts";
import type { LedgerKeys } from "../contract/keys.ts";
import type { RedisPort } from "../contract/redis-port.ts";
import { complaints, type Finding } from "./finding.ts";
import { bookMap } from "./scan.ts";

/** Blocks that one request asks for with their transactions, and how many are looked through in all. */
const AT_ONCE = 20;
const MOST_BLOCKS = 4_000;

/** A transaction of the chain. */
export interface Transfer {
  readonly hash: string;
  readonly nonce: number;
  readonly from: string;
  readonly to: string;
  readonly valueWei: bigint;
  readonly height: number;
}

/** A transaction as a node tells it; null where it is none, or in no block. */
export function transferIn(value: unknown, height: number | null = null): Transfer | null {
  if (!isRecord(value)) return null;
  const at = height ?? parseCount(value["blockNumber"]);
  const [hash, from, nonce] = [hexOf(value["hash"], 32), hexOf(value["from"], 20), parseCount(value["nonce"])];
  const valueWei = parseQuantity(value["value"]);
  if (at === null || hash === null || from === null || nonce === null || valueWei === null) return null;
  return { hash, nonce, from, to: hexOf(value["to"], 20) ?? "", valueWei, height: at };
}

interface Told {
  readonly wrong: string[];
  /** What is no fault, and should be known. */
  readonly known: string[];
}

/**
 * Every transaction of a wallet, from its first payment of those that were looked up on, is a payment of the ledger, one under way, or a cancelled
 * one; any other is named. One that pays a login and is no payment of the ledger is a fault, as is a nonce with two payments.
 * @param sent the payments' transactions @throws as the ledger does
 */
export async function auditNonces(
  redis: RedisPort,
  names: LedgerKeys,
  terms: { readonly rpc: NodeRpc; readonly wallets: readonly string[] },
  sent: readonly Transfer[],
): Promise<Finding> {
  const pending = new Set((await bookMap(redis, names.pendingPayments, "zset")).keys());
  const told: Told = { wrong: [], known: [] };
  let looked = 0;
  for (const wallet of terms.wallets) {
    const own = sent.filter(({ from }) => from === wallet).toSorted((a, b) => a.nonce - b.nonce);
    looked += own.length;
    for (const [at, { nonce, hash }] of own.entries()) {
      const before = own[at - 1];
      if (before?.nonce !== nonce) continue;
      told.wrong.push(
        before.hash === hash
          ? `${hash} is two payments`
          : `nonce ${nonce} of ${wallet} is in ${before.hash} and ${hash}`,
      );
    }
    const missing = await missingNonces(terms.rpc, wallet, own);
    if (typeof missing === "string") told.wrong.push(missing);
    else await explain({ redis, names, pending, ...terms }, wallet, missing, told);
  }
  const detail = [`${looked} payments`, ...told.known].join("; ");
  return complaints("every nonce of the wallets is accounted for", detail, told.wrong);
}

interface Missing {
  readonly nonces: Set<number>;
  /** Where they can be, both ends included. */
  readonly stretches: readonly (readonly [from: number, to: number])[];
}

/** The nonces between a wallet's payments and behind them; a text where the node does not tell. */
async function missingNonces(rpc: NodeRpc, wallet: string, own: readonly Transfer[]): Promise<Missing | string> {
  const nonces = new Set<number>();
  const stretches: [number, number][] = [];
  const [first] = own;
  if (first === undefined) return { nonces, stretches };
  const [count, head] = [
    await rpc.call({ method: "eth_getTransactionCount", params: [wallet, "latest"] }),
    await rpc.call({ method: "eth_blockNumber", params: [] }),
  ];
  const [next, height] = [count, head].map((reply) => (reply.kind === "ok" ? parseCount(reply.value) : null));
  if (next === undefined || next === null || height === undefined || height === null)
    return `the node does not tell the nonce of ${wallet}`;
  const ends = [...own.slice(1), { nonce: next, height }];
  let before: Pick<Transfer, "nonce" | "height"> = first;
  for (const end of ends) {
    for (let nonce = before.nonce + 1; nonce < end.nonce; nonce += 1) nonces.add(nonce);
    if (end.nonce > before.nonce + 1) stretches.push([before.height, end.height]);
    before = end;
  }
  return { nonces, stretches };
}

/** Finds the missing ones in the chain and says what each is. */
async function explain(
  books: {
    readonly redis: RedisPort;
    readonly names: LedgerKeys;
    readonly rpc: NodeRpc;
    readonly pending: Set<string>;
  },
  wallet: string,
  { nonces, stretches }: Missing,
  { wrong, known }: Told,
): Promise<void> {
  let left = MOST_BLOCKS;
  for (const [from, to] of stretches) {
    for (let at = from; at <= to && left > 0; at += AT_ONCE, left -= AT_ONCE) {
      for (const found of await sentBetween(books.rpc, at, Math.min(to, at + AT_ONCE - 1))) {
        if (found.from !== wallet || !nonces.delete(found.nonce)) continue;
        const { hash, nonce, to: payee, valueWei } = found;
        // Payments are listed by the time that they settled, so one of before the first of these may have a later nonce.
        if (await isPayment(books, found)) continue;
        if (payee === wallet) known.push(`nonce ${nonce} was cancelled`);
        else if (await failed(books.rpc, hash)) known.push(`nonce ${nonce} failed: ${payee} refused ${hash}`);
        else if (isUnderWay(books.pending, found)) known.push(`nonce ${nonce} pays ${payee}, which is pending`);
        else if (Number(await books.redis.command(["EXISTS", books.names.miner(payee)])) > 0)
          wrong.push(
            `nonce ${nonce} of ${wallet}, ${hash}, pays ${valueWei} Wei to ${payee} and is no payment of the ledger`,
          );
        else
          known.push(
            `nonce ${nonce} is foreign: ${hash} to ${payee === "" ? "a new contract" : payee}, ${valueWei} Wei`,
          );
      }
    }
  }
  if (nonces.size === 0) return;
  const more = nonces.size > 10 ? ` and ${nonces.size - 10} more` : "";
  const list = `${[...nonces].slice(0, 10).join(", ")}${more}`;
  if (left > 0) wrong.push(`nonces of ${wallet} that the node's blocks do not have: ${list}`);
  else known.push(`${nonces.size} nonces of ${wallet} were not looked for beyond ${MOST_BLOCKS} blocks: ${list}`);
}

async function isPayment(
  { redis, names }: { readonly redis: RedisPort; readonly names: LedgerKeys },
  { to, hash }: Transfer,
): Promise<boolean> {
  const payments = await bookMap(redis, names.paymentsOf(to), "zset");
  return [...payments.keys()].some((member) => member.startsWith(`${hash}:`));
}

/** Whether a transaction of the chain moved nothing: a contract that refuses. Its payment comes back to the balance and is made again. */
async function failed(rpc: NodeRpc, hash: string): Promise<boolean> {
  return fieldIn(await rpc.call({ method: "eth_getTransactionReceipt", params: [hash] }), "status") === "0x0";
}

/** Each pending payment is one transaction. What is sent may be less than what is pending: the miner may pay the gas. */
function isUnderWay(pending: Set<string>, { to, valueWei }: Transfer): boolean {
  const entry = [...pending].find((one) => {
    const [login, amount = ""] = one.split(":");
    return login === to && /^\d+$/.test(amount) && BigInt(amount) * SHANNON_WEI >= valueWei;
  });
  return entry !== undefined && pending.delete(entry);
}

async function sentBetween(rpc: NodeRpc, from: number, to: number): Promise<Transfer[]> {
  const heights = Array.from({ length: to - from + 1 }, (_, at) => from + at);
  const calls = heights.map((height) => ({ method: "eth_getBlockByNumber", params: [quantity(height), true] }));
  const batch = await rpc.batch(calls);
  return heights.flatMap((height, at) => {
    const listed = batch.kind === "failed" ? null : fieldIn(batch.replyTo(at), "transactions");
    return Array.isArray(listed) ? listed.flatMap((one: unknown) => transferIn(one, height) ?? []) : [];
  });
}

import { ledgerKeys } from "../../ledger/contract/keys.ts";
import type { RedisPort } from "../../ledger/contract/redis-port.ts";
import { bookMap } from "../../ledger/books/scan.ts";
import { hexOf, quantity } from "../../work/chain-search.ts";
import { fieldIn, isRecord, type NodeRpc } from "../../work/node-rpc.ts";
import { parseCount, parseQuantity } from "../../work/node-work.ts";
import { SHANNON_WEI } from "../reward-schedule.ts";
import { PayerBooks } from "./payer-books.ts";

/** What another payer left behind is held against. */
export interface ImportTerms {
  readonly rpc: NodeRpc;
  /** Lower-case address that the other payer paid from. */
  readonly account: string;
  readonly confirmations: number;
  readonly finalDepth: number;
  /** Unix time in seconds. */
  readonly nowS: number;
}

/** What became of one pending payment, in words too. */
export interface ImportedPayment {
  readonly login: string;
  readonly amount: bigint;
  readonly became: "paid" | "refunded" | "waits";
  readonly why: string;
}

/** The nodes' or the ledger's state does not allow it now; the text says what to do. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}

interface Pending {
  readonly login: string;
  readonly amount: bigint;
  readonly ts: number;
  /** As open-etc-pool wrote it down before it sent; null where there is nothing of the kind. */
  readonly nonce: number | null;
}

/** A transaction of the account in the chain. */
interface Sent {
  readonly hash: string;
  readonly nonce: number;
  readonly to: string;
  readonly valueWei: bigint;
  readonly height: number;
}

const READ_AT_ONCE = 20;
/** Clocks of ledger and chain may differ by so much, seconds. */
const CLOCKS_S = 900;

/**
 * Ends what another pool's payer left pending: a payment that the chain has is paid; one that it does not have is given back only when
 * every nonce that it could have is `finalDepth` deep under another transaction: of open-etc-pool's the one that it wrote down, of
 * open-ethereum-pool's any from the first one on. That pool must be stopped. Can be run again, and has to be while something waits. @throws ImportError @throws as the ledger does
 */
export async function importPending(redis: RedisPort, coin: string, terms: ImportTerms): Promise<ImportedPayment[]> {
  const keys = ledgerKeys(coin);
  const holder = await redis.command(["GET", keys.paymentsLock]);
  if (typeof holder === "string" && holder.startsWith("edgepool:"))
    throw new ImportError(`this pool's payer holds ${keys.paymentsLock} (${holder}): pause it, then unlock`);
  const pending = await pendingOf(redis, coin);
  if (holder !== null) await redis.command(["DEL", keys.paymentsLock]);
  if (pending.length === 0) return [];
  const head = await quantityOf(terms.rpc, "eth_blockNumber", []);
  const sent = await sentSince(terms, Math.min(...pending.map(({ ts }) => ts)) - CLOCKS_S, head);
  const next = await quantityOf(terms.rpc, "eth_getTransactionCount", [terms.account, "latest"]);
  const books = new PayerBooks(redis, coin, `edgepool-import:${terms.account}`);
  const other = await books.takeLock();
  if (other !== null) throw new ImportError(`${keys.paymentsLock} is held by ${other}`);
  try {
    const known = new Set(
      [...(await bookMap(redis, keys.payments, "zset")).keys()].map((member) => member.split(":")[0]),
    );
    const first = Math.min(next, ...sent.map(({ nonce }) => nonce));
    const isFinal = ({ height }: Sent): boolean => head - height >= terms.finalDepth;
    const used = new Set(sent.filter(isFinal).map(({ nonce }) => nonce));
    const candidates = pending.map((_one, at) => first + at);
    const named = new Set(pending.map(({ nonce }) => nonce));
    const imported: ImportedPayment[] = [];
    for (const one of pending) {
      const open = (one.nonce === null ? candidates : [one.nonce]).find((nonce) => !used.has(nonce));
      const found = sent.find(
        ({ hash, nonce, to, valueWei }) =>
          to === one.login &&
          valueWei === one.amount * SHANNON_WEI &&
          !known.has(hash) &&
          // Another one's by what that pool wrote down.
          (one.nonce === null ? !named.has(nonce) : nonce === one.nonce),
      );
      if (found !== undefined) known.add(found.hash);
      imported.push(await endOne(redis, books, one, { found, open, head }, terms));
    }
    return imported;
  } finally {
    await books.releaseLock();
  }
}

/** What the other payer debited: what this pool's has is marked, and its own business. */
async function pendingOf(redis: RedisPort, coin: string): Promise<Pending[]> {
  const keys = ledgerKeys(coin);
  const markers = new Map(await bookMap(redis, keys.openPayments, "hash"));
  const own = new Set([...markers].filter(([id]) => !id.startsWith("import:")).map(([, marker]) => marker));
  const nonces = await bookMap(redis, keys.pendingNonces, "hash");
  const pending: Pending[] = [];
  for (const [member, score] of await bookMap(redis, keys.pendingPayments, "zset")) {
    if (own.has(`debited:${member}`)) continue;
    const [, login, amount] = /^(0x[0-9a-f]{40}):([1-9]\d{0,17})$/.exec(member) ?? [];
    if (login === undefined || amount === undefined)
      throw new ImportError(`${keys.pendingPayments} has "${member.slice(0, 80)}", which is no payment`);
    const nonce = nonces.get(member) ?? null;
    if (nonce !== null && !/^\d{1,15}$/.test(nonce))
      throw new ImportError(`${keys.pendingNonces} has "${nonce.slice(0, 40)}" for ${member}, which is no nonce`);
    pending.push({ login, amount: BigInt(amount), ts: Number(score), nonce: nonce === null ? null : Number(nonce) });
  }
  return pending.toSorted((a, b) => a.ts - b.ts);
}

interface Evidence {
  readonly found: Sent | undefined;
  /** The first nonce that a payment may have and that is not final; undefined where all are. */
  readonly open: number | undefined;
  readonly head: number;
}

async function endOne(
  redis: RedisPort,
  books: PayerBooks,
  { login, amount, ts, nonce }: Pending,
  { found, open, head }: Evidence,
  { confirmations, finalDepth, nowS }: ImportTerms,
): Promise<ImportedPayment> {
  const told = (became: ImportedPayment["became"], why: string): ImportedPayment => ({ login, amount, became, why });
  if (found !== undefined && head - found.height < confirmations)
    return told("waits", `${found.hash} pays it and is ${head - found.height} deep, ${confirmations} are required`);
  if (found === undefined && open !== undefined)
    return told(
      "waits",
      `the chain does not have it; it ${nonce === null ? "may have" : "has"} nonce ${open}, which has to be used by another transaction and ${finalDepth} deep first`,
    );
  const payment = { id: `import:${login}:${amount}:${ts}`, login, amount };
  // What the other payer debited has no marker: with it the end can be sent again.
  await redis.command(["HSETNX", books.keys.openPayments, payment.id, `debited:${login}:${amount}`]);
  const end = found === undefined ? ({ to: "balance" } as const) : ({ to: "paid", hash: found.hash } as const);
  const result = await books.close(payment, end, nowS);
  if (result.kind === "refused") return told("waits", result.reason);
  await books.forget(payment.id);
  for (const key of [books.keys.pendingNonces, books.keys.pendingTransactions])
    await redis.command(["HDEL", key, `${login}:${amount}`]);
  return found === undefined
    ? told(
        "refunded",
        nonce === null
          ? "every nonce that it could have is another transaction's for good"
          : `its nonce ${nonce} is another transaction's for good`,
      )
    : told("paid", `${found.hash}, nonce ${found.nonce}, block ${found.height}`);
}

async function quantityOf(rpc: NodeRpc, method: string, params: readonly unknown[]): Promise<number> {
  const reply = await rpc.call({ method, params });
  const value = reply.kind === "ok" ? parseCount(reply.value) : null;
  if (value === null)
    throw new ImportError(`the node: ${reply.kind === "failed" ? reply.reason : `${method} is no number`}`);
  return value;
}

/** Every transaction of the account in blocks from a time on. @param fromS Unix time in seconds */
async function sentSince({ rpc, account }: ImportTerms, fromS: number, head: number): Promise<Sent[]> {
  const sent: Sent[] = [];
  for (let from = await heightAt(rpc, fromS, head); from <= head; from += READ_AT_ONCE) {
    const heights = Array.from({ length: Math.min(READ_AT_ONCE, head - from + 1) }, (_, later) => from + later);
    const batch = await rpc.batch(
      heights.map((height) => ({ method: "eth_getBlockByNumber", params: [quantity(height), true] })),
    );
    if (batch.kind === "failed") throw new ImportError(`the node: ${batch.reason}`);
    for (const [at, height] of heights.entries()) {
      const listed = fieldIn(batch.replyTo(at), "transactions");
      if (!Array.isArray(listed)) throw new ImportError(`the node does not give block ${height}`);
      for (const one of listed as readonly unknown[]) {
        const read = sentIn(one, account, height);
        // One that failed pays nobody, and its nonce is used all the same.
        if (read !== null) sent.push((await succeeded(rpc, read.hash)) ? read : { ...read, to: "" });
      }
    }
  }
  return sent;
}

function sentIn(one: unknown, account: string, height: number): Sent | null {
  if (!isRecord(one) || hexOf(one["from"], 20) !== account) return null;
  const hash = hexOf(one["hash"], 32);
  const nonce = parseCount(one["nonce"]);
  const valueWei = parseQuantity(one["value"]);
  if (hash === null || nonce === null || valueWei === null)
    throw new ImportError(`a transaction of ${account} in block ${height} cannot be read`);
  return { hash, nonce, to: hexOf(one["to"], 20) ?? "", valueWei, height };
}

async function succeeded(rpc: NodeRpc, hash: string): Promise<boolean> {
  const reply = await rpc.call({ method: "eth_getTransactionReceipt", params: [hash] });
  const status = fieldIn(reply, "status");
  if (status !== "0x1" && status !== "0x0") throw new ImportError(`the node does not tell whether ${hash} succeeded`);
  return status === "0x1";
}

/** The first height that is not older than a time. */
async function heightAt(rpc: NodeRpc, fromS: number, head: number): Promise<number> {
  let [low, high] = [0, head];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const reply = await rpc.call({ method: "eth_getBlockByNumber", params: [quantity(middle), false] });
    const time = parseCount(fieldIn(reply, "timestamp"));
    if (time === null) throw new ImportError(`the node does not give block ${middle}`);
    if (time < fromS) low = middle + 1;
    else high = middle;
  }
  return low;
}

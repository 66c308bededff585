import { SHANNON_WEI } from "../../payouts/reward-schedule.ts";
import { hexOf } from "../../work/chain-search.ts";
import { isRecord, type JsonRpcReply, type NodeRpc } from "../../work/node-rpc.ts";
import { parseQuantity } from "../../work/node-work.ts";
import { ledgerKeys } from "../contract/keys.ts";
import type { RedisPort } from "../contract/redis-port.ts";
import { auditNonces, transferIn, type Transfer } from "./audit-nonces.ts";
import { complaints, type Finding } from "./finding.ts";
import { bookMap, textList } from "./scan.ts";

const AT_ONCE = 100;

/** What the books are held against. */
export interface WalletTerms {
  /** A node of the chain. */
  readonly rpc: NodeRpc;
  /** Lower-case addresses that hold the miners' money and pay it. */
  readonly wallets: readonly string[];
  /** Newest payments that are looked up in the chain. */
  readonly payments: number;
}

/** The books against the chain: the wallets have what is owed, and what was paid was sent. Reads only. @throws as the ledger does */
export async function auditWallet(redis: RedisPort, coin: string, terms: WalletTerms): Promise<Finding[]> {
  const sent: Transfer[] = [];
  return [
    await auditSolvency(redis, coin, terms),
    await auditSent(redis, coin, terms, sent),
    await auditNonces(redis, ledgerKeys(coin), terms, sent),
  ];
}

/** Proof of solvency: wallets ≥ balance + pending. What is pending may have left the wallet already: then there is the more left. */
async function auditSolvency(redis: RedisPort, coin: string, { rpc, wallets }: WalletTerms): Promise<Finding> {
  const finances = await bookMap(redis, ledgerKeys(coin).finances, "hash");
  const owedWei = (BigInt(finances.get("balance") ?? 0) + BigInt(finances.get("pending") ?? 0)) * SHANNON_WEI;
  const check = "the wallets have what is owed";
  let have = 0n;
  for (const wallet of wallets) {
    const reply = await rpc.call({ method: "eth_getBalance", params: [wallet, "latest"] });
    const balance = reply.kind === "ok" ? parseQuantity(reply.value) : null;
    if (balance === null) return { check, ok: false, detail: `the node does not tell the balance of ${wallet}` };
    have += balance;
  }
  return {
    check,
    ok: have >= owedWei,
    detail: `${have} Wei in ${wallets.length} wallet(s), ${owedWei} Wei of balance and pending`,
  };
}

/**
 * Every payment is a transaction of a wallet to its login, of that value; less where the miner paid the gas.
 * @param sent gets the transactions that were found
 */
async function auditSent(
  redis: RedisPort,
  coin: string,
  { rpc, wallets, payments }: WalletTerms,
  sent: Transfer[],
): Promise<Finding> {
  const members = textList(await redis.command(["ZREVRANGE", ledgerKeys(coin).payments, 0, payments - 1]));
  const wrong: string[] = [];
  let charged = 0n;
  for (let i = 0; i < members.length; i += AT_ONCE) {
    const page = members.slice(i, i + AT_ONCE).map((member) => member.split(":"));
    const batch = await rpc.batch(page.map(([hash]) => ({ method: "eth_getTransactionByHash", params: [hash] })));
    for (const [at, [hash = "", login = "", amount = "0"]] of page.entries()) {
      const reply: JsonRpcReply = batch.kind === "failed" ? batch : batch.replyTo(at);
      const left =
        reply.kind === "ok" ? missingOf(reply.value, wallets, login, BigInt(amount) * SHANNON_WEI) : reply.reason;
      if (typeof left === "string") wrong.push(`${hash} to ${login}: ${left}`);
      else charged += left;
      const transfer = reply.kind === "ok" ? transferIn(reply.value) : null;
      if (transfer !== null) sent.push(transfer);
    }
  }
  const looked = `${members.length} payments${charged === 0n ? "" : `, ${charged} Wei of gas charged to miners`}`;
  return complaints("every payment is in the chain, with its value", looked, wrong);
}

/** @returns Wei that the miner paid for gas, or what is wrong */
function missingOf(value: unknown, wallets: readonly string[], login: string, amountWei: bigint): bigint | string {
  if (!isRecord(value)) return "the node does not have it";
  if (parseQuantity(value["blockNumber"]) === null) return "it is in no block";
  if (!wallets.includes(hexOf(value["from"], 20) ?? "")) return "it was sent by another account";
  if (hexOf(value["to"], 20) !== login) return "it went to another address";
  const sent = parseQuantity(value["value"]);
  const gasLimit = parseQuantity(value["gas"]) ?? 0n;
  const price = parseQuantity(value["maxFeePerGas"]) ?? parseQuantity(value["gasPrice"]) ?? 0n;
  if (sent === null || sent > amountWei) return `it sent ${String(sent)} Wei, the ledger says ${amountWei}`;
  const charged = amountWei - sent;
  return charged <= gasLimit * price ? charged : `it sent ${sent} Wei, the ledger says ${amountWei}`;
}

import { hexOf, quantity, readBlock, type ChainPlace, type SealedHeader } from "../work/chain-search.ts";
import { isRecord, type NodeRpc } from "../work/node-rpc.ts";
import { parseQuantity } from "../work/node-work.ts";
import { revenueOf } from "./block-revenue.ts";
import type { ChainNode } from "./chain-node.ts";
import { internalTransfers } from "./internal-transfers.ts";
import type { RewardRules } from "./reward-schedule.ts";

/** One height, as the rules explain it and as the account's balance shows it. Wei. */
export interface ReplayedBlock {
  readonly height: number;
  /** What the table of rewards and fees gives the account: as miner of the block, of its uncles. */
  readonly earnedWei: bigint;
  /** What was sent to the account, and what left it with the fees of its own transactions. */
  readonly receivedWei: bigint;
  readonly spentWei: bigint;
  /** What the balance really did. */
  readonly movedWei: bigint;
  /** 0: to the Wei. */
  readonly unexplainedWei: bigint;
}

export interface ReplayOptions {
  readonly rpc: NodeRpc;
  readonly node: ChainNode;
  readonly rules: RewardRules;
  /** Lower-case address. */
  readonly etherbase: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Block by block: balance(n) − balance(n − 1) against rewards + what came in − what went out. The node must have the state of these blocks
 * (`--gcmode archive`, or the last 128). Transfers inside contracts are traced where the node has `debug`, and only where something is unexplained.
 * @throws Error with what the node said
 */
export async function* replay(options: ReplayOptions): AsyncGenerator<ReplayedBlock> {
  const { from, to } = options;
  let before = await balanceAt(options, from - 1);
  for (let height = from; height <= to; height += 1) {
    const after = await balanceAt(options, height);
    yield await replayOne(options, height, after - before);
    before = after;
  }
}

async function replayOne(options: ReplayOptions, height: number, movedWei: bigint): Promise<ReplayedBlock> {
  const { rpc } = options;
  const reply = await rpc.call({ method: "eth_getBlockByNumber", params: [quantity(height), true] });
  const read = readBlock(reply, height);
  if (!read.ok) throw new Error(read.reason);
  const { header } = read;
  const transactions = transactionsOf(header);
  const earnedWei = await earned(options, withHashes(header, transactions), height);
  const { receivedWei, spentWei } = await transfers(options, header, transactions);
  const rest = movedWei - earnedWei - receivedWei + spentWei;
  const internal = rest === 0n ? 0n : await internalTransfers(rpc, height, options.etherbase);
  const [internalIn, internalOut] = internal > 0n ? [internal, 0n] : [0n, -internal];
  return {
    height,
    earnedWei,
    receivedWei: receivedWei + internalIn,
    spentWei: spentWei + internalOut,
    movedWei,
    unexplainedWei: rest - internal,
  };
}

async function earned(
  { rpc, node, rules, etherbase }: ReplayOptions,
  header: SealedHeader,
  height: number,
): Promise<bigint> {
  let sum = 0n;
  const places: ChainPlace[] = [];
  if (hexOf(header.fields["miner"], 20) === etherbase) places.push({ as: "block", height, header, including: header });
  for (const [index, hash] of header.uncles.entries()) {
    const call = { method: "eth_getUncleByBlockNumberAndIndex", params: [quantity(height), quantity(index)] };
    const reply = await rpc.call(call);
    const fields = reply.kind === "ok" && isRecord(reply.value) ? reply.value : null;
    if (fields === null) throw new Error(`uncle ${index} of block ${height}: the node does not give it`);
    const uncle: SealedHeader = { ...header, hash, uncles: [], fields };
    if (hexOf(fields["miner"], 20) === etherbase)
      places.push({ as: "uncle", height, header: uncle, including: header });
  }
  for (const place of places) {
    const placed = await node.read(place);
    if (!placed.ok) throw new Error(placed.reason);
    const result = revenueOf(rules, placed.block, []);
    if (!result.ok) throw new Error(result.reason);
    sum += result.revenue.rewardWei + result.revenue.feesWei;
  }
  return sum;
}

interface Transfer {
  readonly hash: string;
  readonly from: string;
  /** Null where a contract is made. */
  readonly to: string | null;
  readonly value: bigint;
}

function transactionsOf({ fields, hash }: SealedHeader): Transfer[] {
  const listed = fields["transactions"];
  if (!Array.isArray(listed)) throw new Error(`block ${hash}: the transactions are not an array`);
  return listed.map((entry: unknown) => {
    const transaction = isRecord(entry) ? entry : {};
    const id = hexOf(transaction["hash"], 32);
    const from = hexOf(transaction["from"], 20);
    const value = parseQuantity(transaction["value"]);
    if (id === null || from === null || value === null) throw new Error(`block ${hash}: a transaction cannot be read`);
    return { hash: id, from, to: hexOf(transaction["to"], 20), value };
  });
}

/** The header as a block without its transactions' bodies has it. */
const withHashes = (header: SealedHeader, transactions: readonly Transfer[]): SealedHeader => ({
  ...header,
  fields: { ...header.fields, transactions: transactions.map(({ hash }) => hash) },
});

async function transfers({ rpc, etherbase }: ReplayOptions, header: SealedHeader, transactions: readonly Transfer[]) {
  let [receivedWei, spentWei] = [0n, 0n];
  for (const { hash, from, to, value } of transactions) {
    if (from !== etherbase && to !== etherbase) continue;
    const reply = await rpc.call({ method: "eth_getTransactionReceipt", params: [hash] });
    const receipt = reply.kind === "ok" && isRecord(reply.value) ? reply.value : {};
    const gasUsed = parseQuantity(receipt["gasUsed"]);
    const price = parseQuantity(receipt["effectiveGasPrice"]);
    if (gasUsed === null || price === null) throw new Error(`receipt of ${hash} in ${header.hash}: cannot be read`);
    // Before Byzantium there is no status; then a failed transfer is told apart by nothing here.
    const failed = receipt["status"] === "0x0";
    if (to === etherbase && !failed) receivedWei += value;
    if (from === etherbase) spentWei += (failed ? 0n : value) + gasUsed * price;
  }
  return { receivedWei, spentWei };
}

async function balanceAt({ rpc, etherbase }: ReplayOptions, height: number): Promise<bigint> {
  const reply = await rpc.call({ method: "eth_getBalance", params: [etherbase, quantity(height)] });
  if (reply.kind === "failed") throw new Error(`balance at ${height}: ${reply.reason}`);
  const balance = parseQuantity(reply.value);
  if (balance === null) throw new Error(`balance at ${height}: the result is not 0x hex`);
  return balance;
}

import {
  RedisReplyError,
  type RedisCommand,
  type RedisValue,
  type TransactionPort,
} from "../../core/ledger/contract/redis-port.ts";

/** What identifies a proof of work in the books. */
export interface Proof {
  readonly nonce: string;
  readonly header: string;
  readonly mixDigest: string;
}

/** A block of the pool's lists. */
interface ListedBlock {
  readonly height: number;
  readonly uncleHeight: number;
  readonly uncle: boolean;
  readonly orphan: boolean;
  readonly nonce: string;
  readonly hash: string;
  readonly timestamp: number;
  readonly difficulty: number;
  readonly shares: number;
  /** Wei, decimal. */
  readonly reward: string;
}

const SHANNON_WEI = 10n ** 9n;
const HASHRATE_EXPIRATION_S = 10_800;

/**
 * What open-etc-pool's proxy, unlocker, payouts and API send to their Redis, in its order and in its transactions, and what its API makes of
 * the replies (docs/ledger.md; its storage of July 2026). Written anew, as the counterpart in tests.
 */
export class OpenEtcPool {
  readonly #redis: TransactionPort;
  readonly #nowMs: () => number;
  #lastMs = 0;

  constructor(redis: TransactionPort, nowMs: () => number) {
    this.#redis = redis;
    this.#nowMs = nowMs;
  }

  /** @returns false for a duplicate */
  async writeShare(login: string, id: string, proof: Proof, diff: number, height: number): Promise<boolean> {
    if (!(await this.#isNew(proof, height))) return false;
    const ms = this.#ms();
    await this.#all([...share(login, id, diff, ms), ["HINCRBY", "eth:stats", "roundShares", diff]]);
    return true;
  }

  /** A share that is a block: the round is closed with it. @param roundDiff of the network */
  async writeBlock(
    login: string,
    id: string,
    proof: Proof,
    diff: number,
    height: number,
    roundDiff: number,
  ): Promise<void> {
    if (!(await this.#isNew(proof, height))) throw new Error("a duplicate block");
    const ms = this.#ms();
    const ts = Math.floor(ms / 1000);
    const before = pairs(await this.#redis.command(["HGETALL", "eth:shares:roundCurrent"]));
    const total = [...before.values()].reduce((sum, value) => sum + Number(value), diff);
    await this.#all([
      ...share(login, id, diff, ms),
      ["HSET", "eth:stats", "lastBlockFound", ts],
      ["HDEL", "eth:stats", "roundShares"],
      ["ZINCRBY", "eth:finders", 1, login],
      ["HINCRBY", `eth:miners:${login}`, "blocksFound", 1],
      ["RENAME", "eth:shares:roundCurrent", `eth:shares:round${height}:${proof.nonce}`],
      ["ZADD", "eth:blocks:candidates", height, [...proofParts(proof), ts, roundDiff, total].join(":")],
    ]);
  }

  /** A candidate that is in the chain. @returns what each login is credited, in Shannon */
  async writeImmature(
    height: number,
    nonce: string,
    hash: string,
    rewardWei: bigint,
    feePercent: bigint,
  ): Promise<void> {
    const candidate = await this.#member("eth:blocks:candidates", height, nonce);
    const [, , , ts = "", diff = "", total = ""] = candidate.split(":");
    const credits = await this.#credits(`eth:shares:round${height}:${nonce}`, rewardWei, feePercent);
    const sum = [...credits.values()].reduce((all, amount) => all + amount, 0n);
    await this.#all([
      ["ZREM", "eth:blocks:candidates", candidate],
      ["ZADD", "eth:blocks:immature", height, ["0", "0", nonce, hash, ts, diff, total, rewardWei].join(":")],
      ...[...credits].flatMap(([login, amount]): RedisCommand[] => [
        ["HINCRBY", `eth:miners:${login}`, "immature", String(amount)],
        ["HSETNX", `eth:credits:immature:${height}:${hash}`, login, String(amount)],
      ]),
      ["HINCRBY", "eth:finances", "immature", String(sum)],
    ]);
  }

  /** An immature block that is deep enough. */
  async writeMatured(height: number, nonce: string): Promise<void> {
    const member = await this.#member("eth:blocks:immature", height, nonce);
    const [, , , hash = "", , , , reward = ""] = member.split(":");
    const held = `eth:credits:immature:${height}:${hash}`;
    const credits = pairs(await this.#redis.command(["HGETALL", held]));
    const sum = [...credits.values()].reduce((all, amount) => all + BigInt(amount), 0n);
    const ts = Math.floor(this.#ms() / 1000);
    await this.#all([
      ["DEL", `eth:shares:round${height}:${nonce}`],
      ["ZREM", "eth:blocks:immature", member],
      ["ZADD", "eth:blocks:matured", height, member],
      ["ZADD", "eth:credits:all", height, [hash, ts, reward].join(":")],
      ...[...credits].flatMap(([login, amount]): RedisCommand[] => [
        ["HINCRBY", `eth:miners:${login}`, "immature", `-${amount}`],
        ["HINCRBY", `eth:miners:${login}`, "balance", amount],
        ["HSETNX", `eth:credits:${height}:${hash}`, login, amount],
      ]),
      ["DEL", held],
      ["HINCRBY", "eth:finances", "balance", String(sum)],
      ["HINCRBY", "eth:finances", "immature", `-${sum}`],
      ["HSET", "eth:finances", "lastCreditHeight", height],
      ["HSET", "eth:finances", "lastCreditHash", hash],
      ["HINCRBY", "eth:finances", "totalMined", String(BigInt(reward) / SHANNON_WEI)],
    ]);
  }

  /** Everything that a payment goes through. @param send puts the transaction on the chain @returns its hash */
  async pay(login: string, amount: bigint, nonce: number, send: () => Promise<string>): Promise<void> {
    const pending = `${login}:${amount}`;
    if ((await this.#redis.command(["SET", "eth:payments:lock", pending, "NX"])) === null)
      throw new Error("payments are locked");
    const move = (from: string, to: string): RedisCommand[] =>
      [`eth:miners:${login}`, "eth:finances"].flatMap((key): RedisCommand[] => [
        ["HINCRBY", key, from, String(-amount)],
        ["HINCRBY", key, to, String(amount)],
      ]);
    const ts = Math.floor(this.#ms() / 1000);
    await this.#all([...move("balance", "pending"), ["ZADD", "eth:payments:pending", ts, pending]]);
    await this.#redis.command(["HSET", "eth:payments:pendingnonce", pending, nonce]);
    const hash = await send();
    await this.#redis.command(["HSET", "eth:payments:pendingtx", pending, hash]);
    await this.#all([
      ...move("pending", "paid"),
      ["ZADD", "eth:payments:all", ts, `${hash}:${pending}`],
      ["ZADD", `eth:payments:${login}`, ts, `${hash}:${amount}`],
      ["ZREM", "eth:payments:pending", pending],
      ["HDEL", "eth:payments:pendingtx", pending],
      ["HDEL", "eth:payments:pendingnonce", pending],
      ["DEL", "eth:payments:lock"],
    ]);
  }

  async isLocked(): Promise<boolean> {
    return (await this.#redis.command(["GET", "eth:payments:lock"])) !== null;
  }

  /** What its API shows of the pool, but for hashrates, which depend on the second in which one asks. */
  async stats(windowS: number, maxBlocks: number, maxPayments: number) {
    const from = Math.floor(this.#nowMs() / 1000) - windowS;
    const [
      ,
      hashrate,
      stats,
      candidates,
      immature,
      matured,
      inCandidates,
      inImmature,
      inMatured,
      inPayments,
      payments,
    ] = await this.#all([
      ["ZREMRANGEBYSCORE", "eth:hashrate", "-inf", `(${from}`],
      ["ZRANGE", "eth:hashrate", 0, -1, "WITHSCORES"],
      ["HGETALL", "eth:stats"],
      ["ZREVRANGE", "eth:blocks:candidates", 0, -1, "WITHSCORES"],
      ["ZREVRANGE", "eth:blocks:immature", 0, -1, "WITHSCORES"],
      ["ZREVRANGE", "eth:blocks:matured", 0, maxBlocks - 1, "WITHSCORES"],
      ["ZCARD", "eth:blocks:candidates"],
      ["ZCARD", "eth:blocks:immature"],
      ["ZCARD", "eth:blocks:matured"],
      ["ZCARD", "eth:payments:all"],
      ["ZREVRANGE", "eth:payments:all", 0, maxPayments - 1, "WITHSCORES"],
    ]);
    return {
      logins: [...new Set([...pairs(hashrate).keys()].map((member) => member.split(":")[1] ?? ""))].toSorted(),
      stats: numbers(pairs(stats)),
      candidates: pairs(candidates).size,
      immature: blocks(immature),
      matured: blocks(matured),
      candidatesTotal: inCandidates,
      immatureTotal: inImmature,
      maturedTotal: inMatured,
      paymentsTotal: inPayments,
      payments: [...pairs(payments)].map(([member, score]) => {
        const [tx = "", address = "", amount = ""] = member.split(":");
        return { timestamp: Number(score), tx, address, amount: Number(amount) };
      }),
    };
  }

  /** What its API shows of an account. */
  async account(login: string, maxPayments: number) {
    const [stats, payments, paymentsTotal, roundShares] = await this.#all([
      ["HGETALL", `eth:miners:${login}`],
      ["ZREVRANGE", `eth:payments:${login}`, 0, maxPayments - 1, "WITHSCORES"],
      ["ZCARD", `eth:payments:${login}`],
      ["HGET", "eth:shares:roundCurrent", login],
    ]);
    return {
      stats: numbers(pairs(stats)),
      payments: [...pairs(payments)].map(([member, score]) => {
        const [tx = "", amount = ""] = member.split(":");
        return { timestamp: Number(score), tx, amount: Number(amount) };
      }),
      paymentsTotal,
      roundShares: Number(roundShares ?? 0),
    };
  }

  /** By number of blocks, the newest first. */
  async luck(windows: readonly number[]) {
    const [immature, matured] = await this.#all([
      ["ZREVRANGE", "eth:blocks:immature", 0, -1, "WITHSCORES"],
      ["ZREVRANGE", "eth:blocks:matured", 0, (windows.at(-1) ?? 0) - 1, "WITHSCORES"],
    ]);
    const listed = [...blocks(immature), ...blocks(matured)];
    const found: Record<string, { luck: number; uncleRate: number; orphanRate: number }> = {};
    for (const window of windows) {
      const seen = listed.slice(0, window);
      const mean = (of: (block: ListedBlock) => number): number =>
        seen.length === 0 ? 0 : seen.reduce((sum, block) => sum + of(block), 0) / seen.length;
      found[String(seen.length)] = {
        luck: mean(({ shares, difficulty }) => shares / difficulty),
        uncleRate: mean(({ uncle }) => Number(uncle)),
        orphanRate: mean(({ orphan }) => Number(orphan)),
      };
      if (seen.length < window) break;
    }
    return found;
  }

  async #isNew(proof: Proof, height: number): Promise<boolean> {
    await this.#redis.command(["ZREMRANGEBYSCORE", "eth:pow", "-inf", `(${height - 8}`]);
    return (await this.#redis.command(["ZADD", "eth:pow", height, proofParts(proof).join(":")])) === 1;
  }

  /** Shannon by login: each its part of the reward less the fee, rounded as Go's big.Rat is. */
  async #credits(round: string, rewardWei: bigint, feePercent: bigint): Promise<Map<string, bigint>> {
    const shares = pairs(await this.#redis.command(["HGETALL", round]));
    const total = [...shares.values()].reduce((sum, value) => sum + BigInt(value), 0n);
    const below = 100n * total * SHANNON_WEI;
    return new Map(
      [...shares].map(([login, value]) => {
        const above = rewardWei * (100n - feePercent) * BigInt(value);
        return [login, (2n * above + below) / (2n * below)];
      }),
    );
  }

  async #member(list: string, height: number, nonce: string): Promise<string> {
    const found = strings(await this.#redis.command(["ZRANGEBYSCORE", list, height, height]));
    const member = found.find((text) => text.split(":").includes(nonce));
    if (member === undefined) throw new Error(`${list} has no block ${height}`);
    return member;
  }

  /** In one transaction; an error of any is one of all. */
  async #all(commands: readonly RedisCommand[]): Promise<RedisValue[]> {
    const replies = await this.#redis.transaction(commands);
    return replies.map((reply) => {
      if (reply instanceof RedisReplyError) throw reply;
      return reply;
    });
  }

  /** Another millisecond each time: two shares of one worker in one would be one entry, a fault of that pool that is not to be played here. */
  #ms(): number {
    this.#lastMs = Math.max(this.#lastMs + 1, this.#nowMs());
    return this.#lastMs;
  }
}

const proofParts = ({ nonce, header, mixDigest }: Proof): string[] => [nonce, header, mixDigest];

function share(login: string, id: string, diff: number, ms: number): RedisCommand[] {
  const ts = Math.floor(ms / 1000);
  return [
    ["HINCRBY", "eth:shares:roundCurrent", login, diff],
    ["ZADD", "eth:hashrate", ts, [diff, login, id, ms].join(":")],
    ["ZADD", `eth:hashrate:${login}`, ts, [diff, id, ms].join(":")],
    ["EXPIRE", `eth:hashrate:${login}`, HASHRATE_EXPIRATION_S],
    ["HSET", `eth:miners:${login}`, "lastShare", ts],
  ];
}

const strings = (reply: RedisValue | undefined): string[] => (Array.isArray(reply) ? reply.map(String) : []);

/** A flat list of names and values, or of members and scores. */
function pairs(reply: RedisValue | undefined): Map<string, string> {
  const flat = strings(reply);
  return new Map(Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? "", flat[2 * at + 1] ?? ""]));
}

const numbers = (texts: ReadonlyMap<string, string>): Record<string, number> =>
  Object.fromEntries([...texts].map(([name, text]) => [name, Number(text)]));

function blocks(reply: RedisValue | undefined): ListedBlock[] {
  return [...pairs(reply)].map(([member, score]) => {
    const [uncleHeight, orphan, nonce = "", hash = "", timestamp, difficulty, shares, reward = ""] = member.split(":");
    return {
      height: Number(score),
      uncleHeight: Number(uncleHeight),
      uncle: Number(uncleHeight) > 0,
      orphan: orphan === "1",
      nonce,
      hash,
      timestamp: Number(timestamp),
      difficulty: Number(difficulty),
      shares: Number(shares),
      reward,
    };
  });
}

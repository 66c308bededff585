import { asList, asScored, asText, newest, type PipelineReply } from "../api/replies.ts";
import { ledgerKeys, type LedgerKeys } from "../ledger/contract/keys.ts";
import { type RedisPort, RedisReplyError } from "../ledger/contract/redis-port.ts";
import { parseCandidate, parseListed, type PoolBlock } from "../payouts/block-members.ts";
import { parseTargets, type MinerTarget } from "./targets.ts";

/** A payment that is settled, as `payments:all` has it. */
export interface SentPayment {
  readonly tx: string;
  readonly login: string;
  readonly amountShannon: string;
  /** Unix seconds. */
  readonly ts: number;
}

/** What the ledger says that may be news. */
export interface LedgerNews {
  /** The latest of each list. */
  readonly blocks: readonly PoolBlock[];
  /** From the moment asked for on, the oldest first. */
  readonly payments: readonly SentPayment[];
  /** There are more payments than these. */
  readonly more: boolean;
  /** Logins that have signed targets. */
  readonly notified: ReadonlySet<string>;
}

const MOST_BLOCKS = 200;
const MOST_PAYMENTS = 1_000;

/** What the notifier reads of the ledger; it writes nothing. */
export class NotifierBooks {
  readonly #redis: RedisPort;
  readonly #keys: LedgerKeys;

  constructor(redis: RedisPort, coin: string) {
    this.#redis = redis;
    this.#keys = ledgerKeys(coin);
  }

  /** Five commands. @param sinceS of payments, Unix seconds @throws as the ledger does */
  async news(sinceS: number): Promise<LedgerNews> {
    const keys = this.#keys;
    const lists = [keys.candidates, keys.immature, keys.matured];
    const replies = await this.#redis.pipeline([
      ...lists.map((key) => newest(key, MOST_BLOCKS)),
      ["ZRANGEBYSCORE", keys.payments, sinceS, "+inf", "WITHSCORES", "LIMIT", 0, MOST_PAYMENTS],
      ["SMEMBERS", keys.notifiedLogins],
    ]);
    for (const reply of replies) if (reply instanceof RedisReplyError) throw reply;
    const [candidates, immature, matured, payments, notified] = replies;
    const sent = asScored(payments).flatMap(({ member, score }) => {
      const [tx = "", login = "", amountShannon = "", more] = member.split(":");
      return more === undefined && /^\d+$/.test(amountShannon) ? [{ tx, login, amountShannon, ts: score }] : [];
    });
    const blocks: (PoolBlock | null)[] = [
      ...scored(candidates).map(([member, score]) => parseCandidate(member, score)),
      ...scored(immature).map(([member, score]) => parseListed("immature", member, score)),
      ...scored(matured).map(([member, score]) => parseListed("matured", member, score)),
    ];
    return {
      blocks: blocks.filter((block) => block !== null),
      payments: sent,
      more: asScored(payments).length === MOST_PAYMENTS,
      notified: new Set(asList(notified).map(String)),
    };
  }

  /** The targets that logins have signed, in their order; null where the ledger refuses to tell. A text that is none of ours has none. @throws as the ledger does */
  async targets(logins: readonly string[]): Promise<(readonly MinerTarget[] | null)[]> {
    const replies = await this.#redis.pipeline(
      logins.map((login) => ["HGET", this.#keys.settings(login), "notifications"] as const),
    );
    return replies.map((reply) =>
      reply instanceof RedisReplyError ? null : (parseTargets(asText(reply) ?? "none") ?? []),
    );
  }

  /** Hashrate entries of logins from a moment on, as the ledger has them; null where it refuses to tell. @param most of one login @throws as the ledger does */
  async entries(
    asked: readonly { readonly login: string; readonly fromS: number }[],
    most: number,
  ): Promise<(string[] | null)[]> {
    const replies = await this.#redis.pipeline(
      asked.map(
        ({ login, fromS }) => ["ZRANGEBYSCORE", this.#keys.hashrateOf(login), fromS, "+inf", "LIMIT", 0, most] as const,
      ),
    );
    return replies.map((reply) => (reply instanceof RedisReplyError ? null : asList(reply).map(String)));
  }
}

const scored = (reply: PipelineReply) => asScored(reply).map(({ member, score }) => [member, String(score)] as const);

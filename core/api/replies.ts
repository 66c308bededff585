import type { RedisCommand, RedisReplyError, RedisValue } from "../ledger/contract/redis-port.ts";
import { emptyRecord, parseInteger } from "./json.ts";

/** One reply of a pipeline; a refused command (say WRONGTYPE on a key that something else wrote) counts as missing data. */
export type PipelineReply = RedisValue | RedisReplyError | undefined;

/** A member of a sorted set with its score. */
export interface Scored {
  readonly member: string;
  /** Integers in this ledger: a height, or a Unix time in seconds. */
  readonly score: number;
}

/** A reply of many values; empty for any other. */
export function asList(reply: PipelineReply): readonly RedisValue[] {
  return Array.isArray(reply) ? (reply as readonly RedisValue[]) : [];
}

/** Integer reply (ZCARD, ZCOUNT); 0 when missing. */
export function asCount(reply: PipelineReply): number {
  const count = typeof reply === "string" ? Number(reply) : reply;
  return typeof count === "number" && Number.isFinite(count) ? count : 0;
}

/** String reply, or null. */
export function asText(reply: PipelineReply): string | null {
  return typeof reply === "string" ? reply : typeof reply === "number" ? String(reply) : null;
}

/** HGETALL: names and values in turn. */
export function asHash(reply: PipelineReply): Map<string, string> {
  const flat = asList(reply);
  const hash = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) hash.set(String(flat[i]), String(flat[i + 1]));
  return hash;
}

/** The members of a sorted set with the highest scores, highest first, for {@link asScored}. */
export function newest(key: string, count: number): RedisCommand {
  return ["ZREVRANGE", key, 0, count - 1, "WITHSCORES"];
}

/** A range WITHSCORES: members and scores in turn. */
export function asScored(reply: PipelineReply): Scored[] {
  const flat = asList(reply);
  const scored: Scored[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const score = Math.trunc(Number(flat[i + 1]));
    if (Number.isFinite(score)) scored.push({ member: String(flat[i]), score });
  }
  return scored;
}

/** The reference's conversion of a hash: whatever reads as a 64-bit integer becomes a number, the rest stays text. */
export function asStatistics(hash: ReadonlyMap<string, string>): Record<string, number | bigint | string> {
  const statistics = emptyRecord<number | bigint | string>();
  for (const name of [...hash.keys()].toSorted()) {
    const text = hash.get(name) ?? "";
    statistics[name] = parseInteger(text) ?? text;
  }
  return statistics;
}

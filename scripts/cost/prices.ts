/**
 * What Cloudflare (Workers Paid) and Upstash ask for, in USD, as their pages had it on {@link PRICES_OF}. Included amounts are a month's.
 * developers.cloudflare.com/durable-objects/platform/pricing, /workers/platform/pricing; upstash.com/pricing/redis.
 */
export const PRICES_OF = "2026-11-26";

/** A price with what the plan includes. */
interface Metered {
  readonly usdPerMillion: number;
  readonly included: number;
}

export const PRICES = {
  planUsd: 5,
  workerRequests: { usdPerMillion: 0.3, included: 10_000_000 },
  /** A call, an alarm, a connection; a WebSocket message in is a twentieth. */
  objectRequests: { usdPerMillion: 0.15, included: 1_000_000 },
  gbSeconds: { usdPerMillion: 12.5, included: 400_000 },
  rowsWritten: { usdPerMillion: 1, included: 50_000_000 },
  rowsRead: { usdPerMillion: 0.001, included: 25_000_000_000 },
} as const satisfies Record<string, number | Metered>;

export const MESSAGES_A_REQUEST = 20;
export const GB_PER_OBJECT = 0.128;
export const MONTH_S = 30 * 86_400;

/** Pay as you go, per million commands; inner ones of scripts count. */
export const UPSTASH_COMMANDS_USD = 2;

/** Fixed plans, any number of commands: memory and the largest record, in MB. */
export const UPSTASH_PLANS = [
  { usd: 10, memoryMb: 250, recordMb: 100 },
  { usd: 20, memoryMb: 1_000, recordMb: 200 },
  { usd: 100, memoryMb: 5_000, recordMb: 300 },
  { usd: 200, memoryMb: 10_000, recordMb: 300 },
  { usd: 400, memoryMb: 50_000, recordMb: 500 },
  { usd: 800, memoryMb: 100_000, recordMb: 1_000 },
] as const;

/** What an amount costs beyond what is included. */
export function priceOf(amount: number, { usdPerMillion, included }: Metered): number {
  return (Math.max(0, amount - included) / 1_000_000) * usdPerMillion;
}

import type { PoolFacts } from "../../../core/api/answers.ts";
import { duration, ticker } from "./format.ts";
import { useLive, type Live } from "./live.ts";

/** They change with the pool's configuration only. */
const FACTS_INTERVAL_MS = 600_000;

/** What the pool is configured to be, and what became of asking. */
export function useLiveFacts(): Live<PoolFacts> {
  return useLive<PoolFacts>("/api/pool", FACTS_INTERVAL_MS);
}

/** What the pool is configured to be; null until it is known. */
export function usePoolFacts(): PoolFacts | null {
  return useLiveFacts().data;
}

/** How long a hashrate is counted over, as the pool is set; as an unset pool is until it is known. */
export function useWindows(): { readonly small: string; readonly large: string } {
  const facts = usePoolFacts();
  return { small: duration(facts?.hashrateWindow ?? 1_800), large: duration(facts?.hashrateLargeWindow ?? 10_800) };
}

/** Ticker of the coin; empty until it is known. */
export function useTicker(): string {
  const facts = usePoolFacts();
  return facts ? ticker(facts.chain, facts.coin) : "";
}

/** How often a page of live figures is renewed: as often as the pool renews them. */
export function useLiveInterval(): number {
  return Math.max(2, usePoolFacts()?.statsCollectInterval ?? 5) * 1000;
}

import { duration, hashes, hashrate } from "../../../core/units.ts";

export { duration, hashes, hashrate };

/** A whole number with separators. */
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");

/** A share of 1 as per cent. */
export function percent(value: number, digits = 1): string {
  return `${(100 * value).toFixed(digits)} %`;
}

/** How long ago a moment was. @param atS Unix time in seconds */
export const ago = (atS: number, nowMs: number): string => `${duration(nowMs / 1000 - atS)} ago`;

/** Local date and time. @param atS Unix time in seconds */
export const moment = (atS: number): string =>
  new Date(atS * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Shannon as coins. */
export const coins = (shannon: number): string =>
  (shannon / 1e9).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 8 });

/** Wei, decimal, as coins. */
export const rewardCoins = (wei: string): string => coins(Number(wei) / 1e9);

/** The middle of a long hex string left out. */
export const shortHex = (hex: string): string => (hex.length > 16 ? `${hex.slice(0, 8)}…${hex.slice(-6)}` : hex);

/** Ticker of a chain's coin. */
export function ticker(chain: string, coin: string): string {
  const known: Readonly<Record<string, string>> = {
    classic: "ETC",
    mordor: "METC",
    ethereum: "ETH",
    "ethereum-pow": "ETHW",
  };
  return known[chain] ?? coin.toUpperCase();
}

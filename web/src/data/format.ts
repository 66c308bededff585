import * as units from "../../../core/units.ts";

/** A number and its unit are one word: no line ends between "3" and "h". */
const unbroken = (text: string): string => text.replaceAll(" ", "\u00A0");

/** A length of time in its two largest units. */
export const duration = (seconds: number): string => unbroken(units.duration(seconds));

/** Hashes per second. */
export const hashrate = (value: number): string => unbroken(units.hashrate(value));

/** A difficulty, in hashes. */
export const hashes = (value: number): string => unbroken(units.hashes(value));

/** A whole number with separators. */
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");

/** A number of things. */
export const plural = (value: number, thing: string): string => `${count(value)} ${thing}${value === 1 ? "" : "s"}`;

/** A share of 1 as per cent. */
export function percent(value: number, digits = 1): string {
  return unbroken(`${decimals(100 * value, digits, digits)} %`);
}

const HOUR_S = 3_600;

/** How long ago a moment was: after ten hours without the minutes, for which a card on a phone has no room. @param atS Unix time in seconds */
export function ago(atS: number, nowMs: number): string {
  const passedS = nowMs / 1000 - atS;
  return `${duration(passedS < 10 * HOUR_S ? passedS : Math.floor(passedS / HOUR_S) * HOUR_S)} ago`;
}

/** How long it is to a moment. @param atS Unix time in seconds */
export function inTime(atS: number, nowMs: number): string {
  const left = atS - nowMs / 1000;
  return left < 15 ? "any moment now" : `in ${duration(left)}`;
}

/** Local date and time. @param atS Unix time in seconds */
export const moment = (atS: number): string =>
  new Date(atS * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

const written = (options: Intl.DateTimeFormatOptions) => {
  const format = new Intl.DateTimeFormat(undefined, options);
  /** @param atS Unix time in seconds */
  return (atS: number): string => format.format(atS * 1000);
};

/** Parts of a local date and time, for where the whole has no room. */
export const hourAndMinute = written({ timeStyle: "short" });
export const dayAndMonth = written({ day: "numeric", month: "short" });
export const year = written({ year: "numeric" });

/** A few seconds, with a decimal where there are less than ten. */
export const seconds = (value: number): string => unbroken(`${value < 10 ? value.toFixed(1) : Math.round(value)} s`);

const decimals = (value: number, least: number, most: number): string =>
  value.toLocaleString("en-US", { minimumFractionDigits: least, maximumFractionDigits: most });

/** Shannon as coins, all that is known of it. */
export const coins = (shannon: number): string => decimals(shannon / 1e9, 2, 9);

/** The same with as many decimals in each line of a list, so that the points stand below each other. */
export const coinsAligned = (shannon: number, digits = 8): string => decimals(shannon / 1e9, digits, digits);

/** The same in eight characters or so, for where there is little room: the exact amount is told elsewhere. */
export function coinsShort(shannon: number): string {
  const value = shannon / 1e9;
  return decimals(value, 2, value >= 1000 ? 2 : value >= 1 ? 4 : 6);
}

/** Wei, decimal, as coins. */
export const rewardCoins = (wei: string): string => coinsShort(Number(wei) / 1e9);

/** A percentage as the pool has it written, without trailing zeros: `1.0` is `1 %`. */
export const feeText = (fee: string): string => unbroken(`${Number(fee)} %`);

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

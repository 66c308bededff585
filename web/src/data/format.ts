const PREFIXES = ["", "k", "M", "G", "T", "P", "E"] as const;

/** Three significant digits and an SI prefix, such as `1.23 G`. */
export function scaled(value: number): string {
  if (!Number.isFinite(value) || value < 0) return "0 ";
  const step = value < 1 ? 0 : Math.min(PREFIXES.length - 1, Math.floor(Math.log10(value) / 3));
  const shown = value / 1000 ** step;
  const whole = step === 0 && Number.isInteger(shown);
  const digits = whole || shown >= 100 ? 0 : shown >= 10 ? 1 : 2;
  return `${shown.toFixed(digits)} ${PREFIXES[step] ?? ""}`;
}

/** Hashes per second. */
export const hashrate = (value: number): string => `${scaled(value)}H/s`;

/** A difficulty, in hashes. */
export const hashes = (value: number): string => `${scaled(value)}H`;

/** A whole number with separators. */
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");

/** A share of 1 as per cent. */
export function percent(value: number, digits = 1): string {
  return `${(100 * value).toFixed(digits)} %`;
}

/** A length of time in its two largest units, such as `2 h 5 min`. */
export function duration(seconds: number): string {
  const units: readonly [number, string][] = [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const whole = Math.max(0, Math.round(seconds));
  const first = units.findIndex(([size]) => whole >= size);
  const [size, name] = units[first] ?? [1, "s"];
  const [lesser, lesserName] = units[first + 1] ?? [1, ""];
  const rest = Math.floor((whole % size) / lesser);
  const main = `${Math.floor(whole / size)} ${name}`;
  return first < 0 ? "0 s" : rest > 0 && lesserName !== "" && size > 60 ? `${main} ${rest} ${lesserName}` : main;
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

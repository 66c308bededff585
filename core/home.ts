/** Cloudflare's location hints. The runtime takes any text for one: a wrong one would only be seen by where the pool lives. */
export const HINTS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "apac-ne", "apac-se", "oc", "afr", "me"] as const;

/** Cloudflare's jurisdictions: objects run and keep their data there by law, and a name has other objects in each of them. */
export const JURISDICTIONS = ["eu", "us", "fedramp", "fedramp-high"] as const;

/** Where a pool lives, as an operator says it. */
export const HOMES = [...HINTS, ...JURISDICTIONS];

export type Jurisdiction = (typeof JURISDICTIONS)[number];
export type Home = (typeof HINTS)[number] | Jurisdiction;

/** The jurisdiction that a home is; null for a location hint, and for none. */
export function jurisdictionOf(home: Home | null): Jurisdiction | null {
  return JURISDICTIONS.find((one) => one === home) ?? null;
}

/** The location hint that a home is; null for a jurisdiction, and for none. */
export function hintOf(home: Home | null): (typeof HINTS)[number] | null {
  return HINTS.find((one) => one === home) ?? null;
}

/** What a pool notes when it begins, by the jurisdiction that it is in then. */
export const beginningOf = (home: Home | null): string => jurisdictionOf(home) ?? "1";

/** @param beginning as {@link beginningOf} gave it @returns what is wrong where `home` has led to other objects since; null where it has not */
export function movedFrom(beginning: string, home: Home | null): string | null {
  const now = beginningOf(home);
  if (beginning === now) return null;
  const [then, since] = [beginning, now].map((one) => (one === "1" ? "no jurisdiction" : `the jurisdiction ${one}`));
  return `the pool began in ${then}, and home says ${since}: there every name has another object, and the books of an embedded ledger, bans and pauses stay with the first. Set home back; to move, set a new environment up and bring the books there (npm run ledger -- backup, restore)`;
}

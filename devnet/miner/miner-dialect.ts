/** A job as a miner holds it. Hex without `0x`, lower case. */
export interface MinerJob {
  /** What a submit names: the header in eth-proxy, the pool's job id elsewhere. */
  readonly id: string;
  readonly header: string;
  readonly seed: string;
  readonly target: bigint;
  /** First digits of every nonce, given by the pool; empty where the miner has all 64 bits. */
  readonly noncePrefix: string;
}

/** A nonce that met the job's target. Hex without `0x`. */
export interface Found {
  readonly job: MinerJob;
  readonly nonce: string;
  readonly mixDigest: string;
}

/** What the pool thought of a share. */
export type ShareAnswer = "accepted" | "refused" | "stale" | "duplicate" | "invalid" | "rejected";

/** What a line from the pool means to a miner. */
export type PoolMessage =
  | { readonly kind: "loggedIn"; readonly send: readonly string[] }
  | { readonly kind: "loginRefused"; readonly reason: string }
  | { readonly kind: "job"; readonly job: MinerJob }
  | { readonly kind: "answer"; readonly id: number; readonly answer: ShareAnswer; readonly reason: string }
  | { readonly kind: "send"; readonly lines: readonly string[] }
  | { readonly kind: "nothing" };

/** One way to speak stratum, without the socket. A new one is made for each connection. */
export interface MinerDialect {
  /** What the miner says first. */
  opening(): readonly string[];
  /** @param line a line from the pool. @throws SyntaxError when it is not JSON. */
  receive(line: string): PoolMessage;
  /** @param id at least 40; ids repeat, as those of GPU miners do. */
  submit(found: Found, id: number): string;
  /** Null where the dialect has no such message. @param rate hashes a second */
  hashrate(rate: number): string | null;
}

/** How a miner presents itself. */
export interface Credentials {
  readonly login: string;
  readonly worker: string;
  readonly password: string;
}

/** A parsed JSON object, or an empty one for anything else. */
export function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Hex digits without `0x`, or null where it is not that many. */
export function digits(value: unknown, count: number): string | null {
  if (typeof value !== "string") return null;
  const bare = value.toLowerCase().replace(/^0x/, "");
  return bare.length === count && /^[0-9a-f]+$/.test(bare) ? bare : null;
}

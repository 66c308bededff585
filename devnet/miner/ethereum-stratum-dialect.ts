import {
  digits,
  fields,
  type Credentials,
  type MinerDialect,
  type Found,
  type PoolMessage,
  type ShareAnswer,
} from "./miner-dialect.ts";

const SUBSCRIBE_ID = 1;
const EXTRANONCE_ID = 2;
const AUTHORIZE_ID = 3;
const FIRST_SUBMIT_ID = 40;
/** Target of difficulty 1 on this dialect's scale. */
const DIFFICULTY_ONE = 0xffffn << 208n;
const SCALE_BITS = 64n;
const NONCE_DIGITS = 16;

/** EthereumStratum/1.0.0 (NiceHash): no `0x`, seed before header, the pool gives the first digits of the nonce. */
export class EthereumStratumDialect implements MinerDialect {
  readonly #credentials: Credentials;
  #noncePrefix = "";
  #target = DIFFICULTY_ONE;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  opening(): readonly string[] {
    return [request(SUBSCRIBE_ID, "mining.subscribe", ["edgepool-devnet/0.1", "EthereumStratum/1.0.0"])];
  }

  receive(line: string): PoolMessage {
    const { id, method, params, result, error } = fields(JSON.parse(line));
    if (typeof method === "string") return this.#notified(method, Array.isArray(params) ? params : []);
    if (typeof id !== "number") return { kind: "nothing" };
    const refused = error !== undefined && error !== null;
    if (id >= FIRST_SUBMIT_ID) return { kind: "answer", id, ...answer(result, error) };
    if (id === SUBSCRIBE_ID) return refused ? refusal(error) : this.#subscribed(result);
    if (id === AUTHORIZE_ID) return refused || result !== true ? refusal(error) : { kind: "loggedIn", send: [] };
    return { kind: "nothing" };
  }

  submit({ job, nonce }: Found, id: number): string {
    return request(id, "mining.submit", [this.#user(), job.id, nonce.slice(job.noncePrefix.length)]);
  }

  hashrate(): null {
    return null;
  }

  #subscribed(result: unknown): PoolMessage {
    const extranonce: unknown = Array.isArray(result) ? result[1] : undefined;
    if (!this.#takeExtranonce(extranonce))
      return { kind: "loginRefused", reason: "the pool gave no usable extranonce" };
    return {
      kind: "send",
      lines: [
        request(EXTRANONCE_ID, "mining.extranonce.subscribe", []),
        request(AUTHORIZE_ID, "mining.authorize", [this.#user(), this.#credentials.password]),
      ],
    };
  }

  #notified(method: string, params: readonly unknown[]): PoolMessage {
    switch (method) {
      case "mining.set_difficulty":
        if (typeof params[0] === "number" && params[0] > 0) this.#target = targetOfDifficulty(params[0]);
        return { kind: "nothing" };
      case "mining.set_extranonce":
        this.#takeExtranonce(params[0]);
        return { kind: "nothing" };
      case "mining.notify": {
        const [id, seed, header] = [params[0], digits(params[1], 64), digits(params[2], 64)];
        if (typeof id !== "string" || seed === null || header === null) return { kind: "nothing" };
        return { kind: "job", job: { id, seed, header, target: this.#target, noncePrefix: this.#noncePrefix } };
      }
      default:
        return { kind: "nothing" };
    }
  }

  #takeExtranonce(value: unknown): boolean {
    if (typeof value !== "string" || !/^([0-9a-f]{2}){0,3}$/i.test(value)) return false;
    this.#noncePrefix = value.toLowerCase();
    return true;
  }

  #user(): string {
    return `${this.#credentials.login}.${this.#credentials.worker}`;
  }
}

/** Digits of a nonce that the miner may choose. */
export function freeDigits(noncePrefix: string): number {
  return NONCE_DIGITS - noncePrefix.length;
}

/** Rounded to the harder side, so that a share is never one unit short. */
function targetOfDifficulty(difficulty: number): bigint {
  const scaled = BigInt(Math.ceil(difficulty * 2 ** Number(SCALE_BITS)));
  const target = (DIFFICULTY_ONE << SCALE_BITS) / scaled;
  const most = (1n << 256n) - 1n;
  return target > most ? most : target;
}

function answer(result: unknown, error: unknown): { answer: ShareAnswer; reason: string } {
  if (error === undefined || error === null) return { answer: result === true ? "accepted" : "refused", reason: "" };
  const [code, message]: unknown[] = Array.isArray(error) ? error : [];
  const known: Readonly<Record<string, ShareAnswer>> = { 21: "stale", 22: "duplicate", 23: "invalid" };
  return { answer: known[String(code)] ?? "rejected", reason: typeof message === "string" ? message : "" };
}

function refusal(error: unknown): PoolMessage {
  return {
    kind: "loginRefused",
    reason: error === null || error === undefined ? "the pool said no" : JSON.stringify(error),
  };
}

function request(id: number, method: string, params: readonly string[]): string {
  return JSON.stringify({ id, method, params });
}

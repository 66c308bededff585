import { createHash } from "node:crypto";
import { digits, fields, type Credentials, type MinerDialect, type Found, type PoolMessage } from "./miner-dialect.ts";

const LOGIN_ID = 1;
const GET_WORK_ID = 5;
const HASHRATE_ID = 9;
const FIRST_SUBMIT_ID = 40;

/** The eth-proxy dialect as ethminer speaks it: no `jsonrpc` in the login, ids that repeat, pushes recognised by an array result. */
export class EthProxyDialect implements MinerDialect {
  readonly #credentials: Credentials;
  readonly #clientId: string;
  #loggedIn = false;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
    this.#clientId = createHash("sha256").update(`${credentials.login}/${credentials.worker}`).digest("hex");
  }

  opening(): readonly string[] {
    const { login, password, worker } = this.#credentials;
    return [JSON.stringify({ id: LOGIN_ID, method: "eth_submitLogin", params: [login, password], worker })];
  }

  receive(line: string): PoolMessage {
    const { id, result, error } = fields(JSON.parse(line));
    const refusal = error === undefined || error === null ? null : fields(error);
    if (id === LOGIN_ID && !this.#loggedIn) {
      if (refusal !== null || result !== true) return { kind: "loginRefused", reason: describe(refusal) };
      this.#loggedIn = true;
      return { kind: "loggedIn", send: [JSON.stringify({ id: GET_WORK_ID, method: "eth_getWork", params: [] })] };
    }
    if (Array.isArray(result)) return job(result);
    if (typeof id !== "number" || id < FIRST_SUBMIT_ID) return { kind: "nothing" };
    if (refusal !== null) return { kind: "answer", id, answer: answerOf(refusal["code"]), reason: describe(refusal) };
    return { kind: "answer", id, answer: result === true ? "accepted" : "refused", reason: "" };
  }

  submit({ job: { header }, nonce, mixDigest }: Found, id: number): string {
    const params = [`0x${nonce}`, `0x${header}`, `0x${mixDigest}`];
    return JSON.stringify({ id, jsonrpc: "2.0", method: "eth_submitWork", params, worker: this.#credentials.worker });
  }

  hashrate(rate: number): string {
    const padded = `0x${Math.round(rate).toString(16).padStart(32, "0")}`;
    const params = [padded, `0x${this.#clientId}`];
    const { worker } = this.#credentials;
    return JSON.stringify({ id: HASHRATE_ID, jsonrpc: "2.0", method: "eth_submitHashrate", params, worker });
  }
}

function job(work: readonly unknown[]): PoolMessage {
  const [header, seed, target] = [digits(work[0], 64), digits(work[1], 64), digits(work[2], 64)];
  if (header === null || seed === null || target === null) return { kind: "nothing" };
  return { kind: "job", job: { id: header, header, seed, target: BigInt(`0x${target}`), noncePrefix: "" } };
}

function answerOf(code: unknown): "duplicate" | "invalid" | "rejected" {
  if (code === 22) return "duplicate";
  return code === 23 ? "invalid" : "rejected";
}

function describe(refusal: Readonly<Record<string, unknown>> | null): string {
  if (refusal === null) return "the pool said no";
  return typeof refusal["message"] === "string" ? refusal["message"] : JSON.stringify(refusal);
}

import { setTimeout as pause } from "node:timers/promises";
import { backOffMs } from "../../../core/back-off.ts";
import { BoundedMap } from "../../../core/bounded-map.ts";
import { readAnswer } from "../../../core/stratum/answers.ts";
import { DIALECTS } from "../../../core/stratum/dialects.ts";
import { isObject, parseObject, textOf, type JsonObject } from "../json.ts";
import type { KeptShares } from "../kept-shares.ts";
import { parseMinerLine, readLogin, type Login, type MinerLine } from "../miner-side/miner-line.ts";
import type { BridgeLog, BridgeTimings } from "../options.ts";
import type { PoolFailover, PoolState } from "../pool-side/pool-failover.ts";
import { shareClaim, type UnclaimedShares } from "../session/unclaimed-shares.ts";
import type { GetworkUpstream } from "./getwork-upstream.ts";

/** A request of a getwork miner. */
export interface GetworkCall {
  readonly login: Login;
  readonly line: Exclude<MinerLine, { kind: "answer" }>;
  /** The request as it came, which is what the pool gets. */
  readonly text: string;
  /** The miner's address on the LAN; empty where it is gone. */
  readonly host: string;
  /** Whether the miner has gone meanwhile. */
  readonly abandoned: () => boolean;
  /** Once, for a share: why it was rejected, or null when it was accepted. */
  readonly onFate: (rejection: string | null) => void;
}

export interface GetworkSurroundings {
  readonly failover: Pick<PoolFailover, "choose" | "succeeded" | "failed">;
  readonly claims: UnclaimedShares;
  kept(): Pick<KeptShares, "keep" | "settled"> | null;
  readonly timings: BridgeTimings;
  readonly log: BridgeLog;
  upstream(pool: PoolState): Pick<GetworkUpstream, "post">;
}

interface Asking extends GetworkCall {
  /** When to give up. A share that is on disk is never given up. */
  untilMs: number;
  kept: number | null;
}

/** No pool will take such a request. */
const REQUEST_AT_FAULT = new Set([400, 405, 411, 413, 414, 415, 431]);
/** Logins whose newest work is remembered. */
const REMEMBERED_WORK = 4_096;

/** Brings getwork requests to a pool that answers, and asks again when a connection dies under a share. */
export class GetworkForwarder {
  readonly #around: GetworkSurroundings;
  readonly #stopped = new AbortController();
  readonly #work = new BoundedMap<string, { readonly result: unknown; readonly atMs: number }>(REMEMBERED_WORK);

  constructor(around: GetworkSurroundings) {
    this.#around = around;
  }

  /** @returns JSON-RPC, for a response of status 200 */
  async forward(call: GetworkCall): Promise<string> {
    const { pollPatienceMs, sharePatienceMs, answerWithinMs } = this.#around.timings;
    const patienceMs = call.line.kind === "submit" ? sharePatienceMs : pollPatienceMs;
    const asking: Asking = { ...call, untilMs: performance.now() + patienceMs, kept: null };
    const answer = this.#ask(asking);
    const early = await Promise.race([answer, pause(answerWithinMs, null, { ref: false })]);
    if (early !== null) return early;
    const own = await this.#answerItself(asking);
    // What the pool has said while the disk wrote goes before what the bridge would have said.
    return (await Promise.race([answer, Promise.resolve(null)])) ?? own ?? (await answer);
  }

  /** Brings a share to a pool that an earlier run of the bridge left on disk; other entries are none of its business. */
  deliver(kept: number, { post }: JsonObject): void {
    if (!isObject(post)) return;
    const login = readLogin(post["address"], post["worker"]);
    const text = textOf(post["text"]);
    const line = parseMinerLine(text);
    if (login === null || line === null || line.kind === "answer") return;
    void this.#ask(
      { login, line, text, host: "", abandoned: () => true, onFate: nobodyAsks, untilMs: Infinity, kept },
      1,
    );
  }

  /** Gives up on everything that waits. */
  stop(): void {
    this.#stopped.abort();
  }

  /** What the bridge knows before the pool has answered; null where that is nothing. */
  async #answerItself(asking: Asking): Promise<string | null> {
    const { login, line, text } = asking;
    const { jobYoungMs } = this.#around.timings;
    if (line.request.method === "eth_getwork") {
      const work = this.#work.get(keyOf(login));
      if (work === undefined || performance.now() - work.atMs > jobYoungMs) return null;
      return DIALECTS.ethProxy.result(idText(line.request.id), JSON.stringify(work.result));
    }
    if (line.kind !== "submit") return null;
    const keeping = this.#around.kept()?.keep([{ post: { ...login, text } }]) ?? null;
    if (keeping === null) return null;
    // The pool may answer while the disk writes: what it settles then is settled.
    const { untilMs } = asking;
    asking.kept = keeping.numbers[0] ?? null;
    asking.untilMs = Infinity;
    if (await keeping.written) return DIALECTS.ethProxy.granted(idText(line.request.id));
    Object.assign(asking, { kept: null, untilMs });
    return null;
  }

  /** Asks until there is an answer. @param failures attempts that may have reached a pool before */
  async #ask(asking: Asking, failures = 0): Promise<string> {
    const { login, text, host } = asking;
    const avoided = new Set<number>();
    for (let failed = failures; ;) {
      const pool = this.#around.failover.choose(failed, avoided);
      const answer = await this.#post(pool, { login, text, host });
      avoided.add(pool.rank);
      const said = answer === null ? null : this.#judge(asking, answer, failed > 0);
      if (said !== null) return said;
      failed += 1;
      const waitMs = backOffMs(failed, Math.random(), this.#around.timings.backOff);
      if (performance.now() + waitMs > asking.untilMs || !(await this.#wait(waitMs))) return this.#unreachable(asking);
    }
  }

  async #wait(ms: number): Promise<boolean> {
    if (this.#stopped.signal.aborted) return false;
    return await pause(ms, true, { signal: this.#stopped.signal }).catch(() => false);
  }

  /** Null when this pool gave no answer to the request. Only where it could not be reached that says something about the pool. */
  async #post(
    pool: PoolState,
    { login, text, host }: Pick<GetworkCall, "login" | "text" | "host">,
  ): Promise<{ text: string; body: JsonObject } | null> {
    let reason: string;
    try {
      const answer = await this.#around.upstream(pool).post(pool.address.getworkUrl(login), text, host);
      const body = parseObject(answer.text);
      if (answer.status === 200 && body === null) throw new Error("the pool's answer is no JSON-RPC");
      this.#around.failover.succeeded(pool.rank);
      if (answer.status === 200 && body !== null) return { text: answer.text, body };
      reason = `The pool answered with status ${answer.status}`;
      if (REQUEST_AT_FAULT.has(answer.status)) {
        const said = refusal(parseObject(text)?.["id"], -1, reason);
        return { text: said, body: parseObject(said) ?? {} };
      }
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
      this.#around.failover.failed(pool.rank, reason);
    }
    this.#around.log.debug({ pool: pool.address.label, login: login.address, reason }, "getwork request failed");
    return null;
  }

  /** Null: the share has to be asked for again. */
  #judge(asking: Asking, answered: { text: string; body: JsonObject }, asked: boolean): string | null {
    const { login, line, abandoned } = asking;
    const answer = readAnswer(answered.body, false);
    if (line.request.method === "eth_getwork" && answer.kind === "granted") this.#remember(login, answer.result);
    if (line.kind !== "submit") return answered.text;
    const reason = answer.kind === "granted" ? null : answer.refusal.reason;
    // A pool that has just begun has no work yet: the share would be lost for a second's sake.
    if (reason === "notReady") return null;
    const claim = shareClaim(login, null, line.shareKey);
    const recorded = reason === "duplicate" && (asked || this.#around.claims.take(claim));
    const accepted = recorded || answer.kind === "granted";
    if (accepted && asking.kept === null && abandoned()) this.#around.claims.add(claim);
    this.#settle(asking, recorded || answer.kind === "granted" ? null : answer.refusal.message);
    return recorded ? DIALECTS.ethProxy.granted(idText(line.request.id)) : answered.text;
  }

  #remember(login: Login, result: unknown): void {
    const key = keyOf(login);
    this.#work.delete(key);
    this.#work.set(key, { result, atMs: performance.now() });
  }

  #settle({ kept, onFate }: Asking, rejection: string | null): void {
    onFate(rejection);
    if (kept !== null) this.#around.kept()?.settled(kept);
  }

  /** The answer after which ethminer waits for half a minute and comes back. What is on disk stays there. */
  #unreachable({ line, kept, onFate }: Asking): string {
    if (line.kind === "submit" && kept === null) onFate("Work not ready");
    return refusal(line.request.id, 0, "Work not ready");
  }
}

function nobodyAsks(): void {
  // The miner of a share that was left on disk has its answer.
}

const keyOf = ({ address, worker }: Login): string => `${address}/${worker ?? ""}`;

function idText(id: unknown): string {
  return JSON.stringify(id ?? null);
}

/** A JSON-RPC error; ethminer stalls for good when the id is missing. */
export function refusal(id: unknown, code: number, message: string): string {
  return JSON.stringify({ id: id ?? null, jsonrpc: "2.0", result: null, error: { code, message } });
}

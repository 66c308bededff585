import { setTimeout as pause } from "node:timers/promises";
import { backOffMs } from "../../../core/back-off.ts";
import type { GetworkUpstream } from "./getwork-upstream.ts";
import { parseObject, type JsonObject } from "../json.ts";
import type { Login, MinerLine } from "../miner-side/miner-line.ts";
import type { BridgeLog, BridgeTimings } from "../options.ts";
import { errorOf } from "../pool-side/pool-line.ts";
import type { PoolFailover, PoolState } from "../pool-side/pool-failover.ts";
import { isDuplicate, isNotReady, shareClaim } from "../session/share-answers.ts";
import type { UnclaimedShares } from "../session/unclaimed-shares.ts";

/** What a request of a getwork miner came to. */
export interface GetworkAnswer {
  /** JSON-RPC, for a response of status 200. */
  readonly body: string;
  /** Null when it was no share. */
  readonly accepted: boolean | null;
}

export interface GetworkSurroundings {
  readonly failover: PoolFailover;
  readonly claims: UnclaimedShares;
  readonly timings: BridgeTimings;
  readonly log: BridgeLog;
  upstream(pool: PoolState): GetworkUpstream;
}

/** Brings getwork requests to a pool that answers, and asks again when a connection dies under a share. */
export class GetworkForwarder {
  readonly #around: GetworkSurroundings;
  readonly #stopped = new AbortController();

  constructor(around: GetworkSurroundings) {
    this.#around = around;
  }

  /**
   * @param text the request as it came, which is what the pool gets.
   * @param abandoned whether the miner has gone meanwhile.
   */
  async forward(
    login: Login,
    call: Exclude<MinerLine, { kind: "answer" }>,
    text: string,
    abandoned: () => boolean,
  ): Promise<GetworkAnswer> {
    const { pollPatienceMs, sharePatienceMs, backOff } = this.#around.timings;
    const deadline = performance.now() + (call.kind === "submit" ? sharePatienceMs : pollPatienceMs);
    for (let failures = 0; ;) {
      const pool = this.#around.failover.choose(failures);
      const answer = await this.#ask(pool, login, text);
      const outcome = answer === null ? null : this.#judge(login, call, answer, failures > 0, abandoned());
      if (outcome !== null) return outcome;
      failures += 1;
      const waitMs = backOffMs(failures, Math.random(), backOff);
      if (performance.now() + waitMs > deadline || this.#stopped.signal.aborted) return unreachable(call);
      try {
        await pause(waitMs, undefined, { signal: this.#stopped.signal });
      } catch {
        return unreachable(call);
      }
    }
  }

  /** Gives up on everything that waits. */
  stop(): void {
    this.#stopped.abort();
  }

  async #ask(
    pool: PoolState,
    login: Login,
    text: string,
  ): Promise<{ readonly text: string; readonly body: JsonObject } | null> {
    let reason: string;
    try {
      const answer = await this.#around.upstream(pool).post(pool.address.getworkUrl(login), text);
      const body = parseObject(answer);
      if (body !== null) {
        this.#around.failover.succeeded(pool.rank);
        return { text: answer, body };
      }
      reason = "the pool's answer is no JSON-RPC";
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    this.#around.failover.failed(pool.rank, reason);
    this.#around.log.debug({ pool: pool.address.label, login: login.address, reason }, "getwork request failed");
    return null;
  }

  /** Null: the share has to be asked for again. */
  #judge(
    login: Login,
    call: Exclude<MinerLine, { kind: "answer" }>,
    { text, body }: { readonly text: string; readonly body: JsonObject },
    asked: boolean,
    abandoned: boolean,
  ): GetworkAnswer | null {
    if (call.kind !== "submit") return { body: text, accepted: null };
    const error = errorOf(body);
    if (asked && isNotReady(error)) return null;
    const claim = shareClaim(login, null, call.shareKey);
    const recorded = isDuplicate(error) && (asked || this.#around.claims.take(claim));
    const accepted = recorded || (error === null && body["result"] === true);
    if (accepted && abandoned) this.#around.claims.add(claim);
    return { body: recorded ? granted(call.request.id) : text, accepted };
  }
}

function granted(id: unknown): string {
  return JSON.stringify({ id: id ?? null, jsonrpc: "2.0", result: true });
}

/** The answer after which ethminer waits for half a minute and comes back. */
function unreachable(call: Exclude<MinerLine, { kind: "answer" }>): GetworkAnswer {
  return { body: refusal(call.request.id, 0, "Work not ready"), accepted: call.kind === "submit" ? false : null };
}

/** A JSON-RPC error; ethminer stalls for good when the id is missing. */
export function refusal(id: unknown, code: number, message: string): string {
  return JSON.stringify({ id: id ?? null, jsonrpc: "2.0", result: null, error: { code, message } });
}

import {
  getworkGranted,
  getworkRefusal,
  getworkResult,
  pendingBlock,
  readGetwork,
  type GetworkCall,
} from "../core/stratum/getwork.ts";
import { workTriple } from "../core/stratum/dialects.ts";
import { REJECTIONS, type RejectReason } from "../core/stratum/rejections.ts";
import { currentJob, type SessionContext } from "../core/stratum/session.ts";
import { workerName } from "../core/policy/login.ts";
import type { GuardEvent } from "../core/policy/guard.ts";
import type { ShareVerdict } from "../core/shares/share.ts";
import type { GetworkRequest } from "./rpc.ts";
import type { Verdict } from "../core/history/definitions.ts";
import type { SessionHost } from "./session-connection.ts";

/** A host that also counts submits that come without a connection. */
export interface GetworkHost extends SessionHost {
  /** @param work difficulty of an accepted share, else 0 */
  countLoose(worker: string, verdict: Verdict, work: number): void;
}

/** Answers HTTP getwork for one login. */
export class GetworkDesk {
  readonly #host: GetworkHost;

  constructor(host: GetworkHost) {
    this.#host = host;
  }

  /** @returns the JSON-RPC answer to a request whose login and IP are welcome. */
  async answer(request: GetworkRequest, nowMs: number): Promise<string> {
    const call = readGetwork(request.body);
    if (call.method === "refuse") return this.#refuse(request, call.id, call.reason);
    if (call.method === "hashrate") return getworkGranted(call.id);
    await this.#host.ready(request.login);
    const context = this.#host.context(request.login);
    if (call.method === "submit") return await this.#submit(request, call, context);
    const job = currentJob(context, nowMs);
    if (!job) return this.#refuse(request, call.id, "notReady");
    return getworkResult(call.id, call.method === "getBlock" ? pendingBlock(job) : workTriple(job, context.difficulty));
  }

  async #submit(
    request: GetworkRequest,
    call: Extract<GetworkCall, { method: "submit" }>,
    context: SessionContext,
  ): Promise<string> {
    const { work, difficulty } = context;
    if (!work) return this.#refuse(request, call.id, "notReady");
    const job = work.jobs.find(({ header }) => header === call.job);
    const worker = workerName(request.login, request.worker, call.worker);
    if (!job) {
      this.#host.countLoose(worker, "stale", 0);
      return this.#refuse(request, call.id, "stale");
    }
    const verdict = await this.#host.verify({
      login: request.login,
      worker,
      nonce: `0x${call.nonce}`,
      mixDigest: call.mixDigest,
      job,
      shareDifficulty: difficulty,
    });
    const counted = verdict.kind === "accepted" ? Number(difficulty) : 0;
    if (verdict.kind !== "unavailable") this.#host.countLoose(worker, verdict.kind, counted);
    return await this.#verdict(request, call.id, verdict);
  }

  async #verdict(request: GetworkRequest, id: string, verdict: ShareVerdict): Promise<string> {
    switch (verdict.kind) {
      case "accepted":
        return (await this.#host.report(request.ip, "validShare"))
          ? getworkGranted(id)
          : this.#refuse(request, id, "highRate");
      case "invalid":
        return this.#refuse(
          request,
          id,
          (await this.#host.report(request.ip, "invalidShare")) ? "invalid" : "invalidLimit",
        );
      case "duplicate":
        return this.#refuse(request, id, "duplicate");
      case "unavailable":
        return this.#refuse(request, id, "notReady");
    }
  }

  #refuse(request: GetworkRequest, id: string, reason: RejectReason): string {
    const event: GuardEvent | null = REJECTIONS[reason].report;
    if (event !== null) this.#host.background(this.#host.report(request.ip, event).then(() => undefined));
    return getworkRefusal(id, reason);
  }
}

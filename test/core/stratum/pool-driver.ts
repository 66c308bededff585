import { customChain } from "../../../core/chain-spec.ts";
import type { NamedWorker } from "../../../core/policy/login.ts";
import { handle, newSession } from "../../../core/stratum/handle.ts";
import { splitLines } from "../../../core/stratum/line-splitter.ts";
import type { PendingShare, SessionContext, SessionEffect, SessionInput } from "../../../core/stratum/session.ts";
import { type DifficultyClass, extranoncesOf } from "../../../core/shares/difficulty-classes.ts";
import type { ShareVerdict } from "../../../core/shares/share.ts";
import type { Job, WorkSnapshot } from "../../../core/work/job.ts";

export const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
export const DIFFICULTY = 2_000_000_000n;
/** floor(2^256 / 2,000,000,000), reckoned apart from the code under test. */
export const TARGET = "0x0000000225c17d04dad2965cc5a02a23e254c0c3f75d9178046aeb27ce1ca574";
export const START_MS = 1_700_000_000_000;

/** Id of the one session of a driver, before and after it has an extranonce. */
const SESSION = "0b7a1f0e-5f7c-4c59-9d1e-0123456789ab";
export const SESSION_ID = "0b7a1f0e-5f7c-4c59-9d1e-012345080c01";
/** The pool's own class begins with this one, whatever the allocator would give. */
const extranonceOf = (wanted: DifficultyClass) =>
  wanted === 0 ? "080c01" : extranoncesOf(wanted).first.toString(16).padStart(6, "0");

const hash = (digit: string) => `0x${digit.repeat(64)}`;

export function job(digit: string, height = 1000): Job {
  return {
    header: hash(digit),
    seed: hash("5"),
    height,
    networkDifficulty: 3_000_000_000_000n,
    poolDifficulty: DIFFICULTY,
    classTable: 1,
  };
}

export function snapshot(sequence: number, jobs: readonly Job[], confirmedAtMs = START_MS): WorkSnapshot {
  const [current] = jobs;
  if (!current) throw new Error("a snapshot needs a job");
  return { sequence, current, jobs, confirmedAtMs };
}

/** Drives one session as a Durable Object would, with answers from the test: everything the pool writes is in `sent`. */
export class PoolDriver {
  readonly sent: string[] = [];
  readonly reports: string[] = [];
  readonly shares: PendingShare[] = [];
  readonly renamed: NamedWorker[] = [];
  closed: string | null = null;
  context: SessionContext;
  nowMs = START_MS;
  verdict: (share: PendingShare) => ShareVerdict = () => ({ kind: "accepted", block: false });
  refused = false;
  blacklist = new Set<string>();
  /** The next extranonce of a class; null when none can be had. */
  extranonces: (wanted: DifficultyClass) => string | null = extranonceOf;
  /** What sessions were told to remember of their workers. */
  readonly classes = new Map<string, DifficultyClass>();
  state;
  #partial: Uint8Array = new Uint8Array(0);

  constructor(context: Partial<SessionContext> = {}, urlWorker = "") {
    this.context = {
      work: snapshot(1, [job("a")]),
      maxWorkAgeMs: 60_000,
      terms: { poolDifficulty: DIFFICULTY, classTable: 1 },
      lastClass: (worker) => this.classes.get(worker) ?? 0,
      vardiff: null,
      chain: customChain({ name: "test" }),
      timeoutMs: 120_000,
      owner: LOGIN,
      ...context,
    };
    this.state = newSession(SESSION, urlWorker);
  }

  /** Lines of the miner, each answered completely before the next. @returns what the pool wrote meanwhile */
  say(...lines: string[]): string[] {
    const from = this.sent.length;
    this.bytes(new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
    return this.sent.slice(from);
  }

  bytes(chunk: Uint8Array): void {
    const { lines, rest, oversized } = splitLines(this.#partial, chunk);
    this.#partial = rest;
    for (const text of lines) this.feed({ kind: "line", text });
    if (oversized) this.feed({ kind: "oversized" });
  }

  work(work: WorkSnapshot): string[] {
    const from = this.sent.length;
    this.context = { ...this.context, work };
    this.feed({ kind: "work" });
    return this.sent.slice(from);
  }

  feed(input: SessionInput): void {
    const { state, effects } = handle(this.state, input, this.context, this.nowMs);
    this.state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: SessionEffect): void {
    switch (effect.kind) {
      case "send":
        this.sent.push(effect.line);
        break;
      case "close":
        this.closed = effect.reason;
        break;
      case "renamed":
        this.renamed.push(effect.worker);
        break;
      case "report":
        this.reports.push(effect.event);
        break;
      case "authenticate":
        this.feed({ kind: "authenticated", allowed: !this.blacklist.has(effect.login) });
        break;
      case "allocate":
        this.feed({ kind: "extranonce", value: effect.resume ?? this.extranonces(effect.class) });
        break;
      case "retarget":
        this.classes.set(effect.worker, effect.class);
        if (effect.move) this.feed({ kind: "extranonce", value: this.extranonces(effect.class) });
        break;
      case "verify": {
        this.shares.push(effect.share);
        const verdict = this.verdict(effect.share);
        this.feed({ kind: "verdict", id: effect.id, verdict, refused: this.refused });
        break;
      }
    }
  }
}

import { allWithin } from "../../../core/clock.ts";
import { ShareLine, type ShareSocket } from "../../../core/session/share-line.ts";
import { ShareSubmitter } from "../../../core/session/share-submitter.ts";
import { SubmissionTimes } from "../../../core/session/submission-times.ts";
import type { JudgedShare, ShareSubmission, ShareVerdict } from "../../../core/shares/share.ts";
import { ShareRelay } from "../../../core/work/share-relay.ts";
import { makeJob, submission } from "../../support/proofs.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const job = makeJob(1);
const [SHARE, BLOCK] = [`0x${"5".repeat(64)}`, `0x${"b".repeat(64)}`];

/** What a miner claims with its mix digest. */
export const CLAIMS = { share: SHARE, block: BLOCK, unknown: null } as const;

/** A call to the verifier. */
export interface Call {
  readonly by: "session" | "relay";
  readonly shares: readonly ShareSubmission[];
  readonly atMs: number;
}

/**
 * A verifier with its ledger: one proof is recorded once, a retry of a submission that is recorded is accepted, any other copy is a duplicate.
 * What comes again while it is being judged joins it.
 */
class PlayedVerifier {
  readonly #clock: VirtualClock;
  readonly calls: Call[] = [];
  /** By proof: whose it is. */
  readonly recorded = new Map<string, string>();
  readonly #judging = new Map<string, Promise<JudgedShare>>();
  /** From a share's arrival to its verdict. */
  takesMs = (_share: ShareSubmission): number => 20;
  /** What becomes of a call: it does not arrive, it is done and its answer is lost, or it is never answered. */
  fate = (_by: Call["by"]): "well" | "lostBefore" | "lostAfter" | "hangs" => "well";
  /** Beside every verdict. */
  news: Pick<JudgedShare, "refuted" | "found"> = {};

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  async submitAll(by: Call["by"], shares: readonly ShareSubmission[], straggleMs?: number) {
    this.calls.push({ by, shares, atMs: this.#clock.nowMs() });
    const fate = this.fate(by);
    if (fate === "lostBefore") throw new Error("the object was reset");
    const verdicts = await allWithin(
      this.#clock,
      by === "session" && shares.length === 1 ? 60_000 : 250,
      shares.map((share) => this.#judge(share)),
      straggleMs,
    );
    if (fate === "lostAfter") throw new Error("the network connection was lost");
    if (fate === "hangs") await new Promise(() => undefined);
    return verdicts;
  }

  #judge(share: ShareSubmission): Promise<JudgedShare> {
    const of = `${share.login} ${share.timestampMs} ${share.nonce}`;
    const known = share.retry ? this.#judging.get(of) : undefined;
    if (known) return known;
    const judged = new Promise<JudgedShare>((resolve) => {
      this.#clock.after(this.takesMs(share), () => {
        this.#judging.delete(of);
        const owner = this.recorded.get(share.nonce);
        if (owner === undefined) this.recorded.set(share.nonce, of);
        const isOurs = owner === undefined || (share.retry && owner === of);
        resolve({ ...(isOurs ? { kind: "accepted", block: false } : { kind: "duplicate" }), ...this.news });
      });
    });
    this.#judging.set(of, judged);
    return judged;
  }
}

/** A socket between a session and a relay, and what may happen to what is said through it. */
export class PlayedLine implements ShareSocket {
  readonly #rig: CarriedRig;
  readonly session: PlayedSession;
  isOpen = true;
  throws = false;
  /** Messages to the relay, and back, as they were sent. */
  readonly up: string[] = [];
  readonly down: string[] = [];
  /** What becomes of a message: null swallows it, and more than one arrive one after the other, with so many ms before each. */
  arrives: (text: string, way: "up" | "down") => { text: string; afterMs: number }[] = (text) => [{ text, afterMs: 1 }];

  constructor(rig: CarriedRig, session: PlayedSession) {
    this.#rig = rig;
    this.session = session;
  }

  send(text: string): void {
    if (this.throws || !this.isOpen) throw new Error("closed");
    this.up.push(text);
    for (const { text: said, afterMs } of this.arrives(text, "up"))
      this.#rig.clock.after(afterMs, () => this.isOpen && this.#arrived(said));
  }

  #arrived(text: string): void {
    const relay = this.#rig.relay;
    if (relay.take(this.session.login, text, (answer) => this.#say(answer))) return;
    this.close();
  }

  #say(text: string): void {
    if (!this.isOpen) throw new Error("closed");
    this.down.push(text);
    for (const { text: said, afterMs } of this.arrives(text, "down"))
      this.#rig.clock.after(afterMs, () => this.isOpen && this.hear(said));
  }

  /** As `MinerSession` hears a relay. */
  hear(text: string): void {
    const heard = this.session.line.hear(this, text);
    this.session.line.lookAfter();
    if (heard === "broken") this.close();
  }

  /** By whichever end: the session hears of it. */
  close(): void {
    this.isOpen = false;
    this.session.line.lost(this);
  }
}

/** The session of a login, as far as its shares go. */
export class PlayedSession {
  readonly login: string;
  readonly line: ShareLine;
  socket: PlayedLine | null;
  /** Timers that its clock has been asked for and that have not rung. */
  timers = 0;
  readonly heard: JudgedShare[] = [];
  /** In the order in which they came. */
  readonly verdicts: { readonly nonce: string; readonly verdict: ShareVerdict; readonly tookMs: number }[] = [];
  readonly #rig: CarriedRig;
  readonly #submitter: ShareSubmitter;

  constructor(rig: CarriedRig, login: string) {
    this.#rig = rig;
    this.login = login;
    const { clock, verifier } = rig;
    this.line = new ShareLine({
      clock,
      socket: () => (this.socket?.isOpen === true ? this.socket : null),
      heard: (_share, judged) => this.heard.push(judged),
    });
    this.socket = new PlayedLine(rig, this);
    this.#submitter = new ShareSubmitter({
      clock: {
        nowMs: () => clock.nowMs(),
        after: (delayMs, work) => {
          this.timers += 1;
          const end = () => void (this.timers -= 1);
          const cancel = clock.after(delayMs, () => (end(), work()));
          return () => (end(), cancel());
        },
      },
      log: { warn: () => undefined },
      shards: 1,
      times: new SubmissionTimes(),
      resultOf: (_header, _nonce, mixDigest) => new Uint8Array(32).fill(mixDigest === BLOCK ? 0 : 0xff),
      submit: async (_, share) => {
        const [verdict] = await verifier.submitAll("session", [share]);
        if (!verdict) throw new Error("late");
        return verdict;
      },
      submitAll: async (_, shares) => await verifier.submitAll("session", shares),
      carry: this.line,
    });
  }

  /** A miner's share. @returns its nonce */
  submit(claim: keyof typeof CLAIMS = "share", mayCarry = true): string {
    const nonce = this.#rig.nextNonce();
    const share = submission(job, { nonce, mixDigest: CLAIMS[claim] }, { login: this.login });
    const sentMs = this.#rig.clock.nowMs();
    void this.#submitter.submit(share, sentMs, mayCarry).then((verdict) => {
      this.verdicts.push({ nonce, verdict, tookMs: this.#rig.clock.nowMs() - sentMs });
    });
    return nonce;
  }

  rests(claim: keyof typeof CLAIMS): boolean {
    return this.#submitter.rests(submission(job, { nonce: "0x0000000000000000", mixDigest: CLAIMS[claim] }));
  }

  /** The relay dials again. */
  dialled(): PlayedLine {
    this.socket?.close();
    this.socket = new PlayedLine(this.#rig, this);
    return this.socket;
  }
}

/** Sessions of some logins, the relay that all are behind, and the verifier. */
export class CarriedRig {
  readonly clock = new VirtualClock();
  readonly verifier = new PlayedVerifier(this.clock);
  relay = this.#newRelay();
  readonly sessions: readonly PlayedSession[];
  #nonce = 0;

  constructor(logins = 1) {
    this.sessions = Array.from(
      { length: logins },
      (_, at) => new PlayedSession(this, `0x${(at + 1).toString(16).padStart(40, "0")}`),
    );
  }

  get session(): PlayedSession {
    const [session] = this.sessions;
    if (session === undefined) throw new RangeError("no session");
    return session;
  }

  nextNonce(): string {
    return `0x${(this.#nonce++).toString(16).padStart(16, "0")}`;
  }

  /** The relay's object is reset: its memory and its sockets are gone. */
  resetRelay(): void {
    this.relay = this.#newRelay();
    for (const session of this.sessions) session.socket?.close();
  }

  #newRelay(): ShareRelay {
    return new ShareRelay({
      clock: this.clock,
      submitAll: (_, shares, straggleMs) => this.verifier.submitAll("relay", shares, straggleMs),
    });
  }
}

import { toHex, type PowHash } from "@edgepool/ethash-wasm";
import { BoundedMap } from "../bounded-map.ts";
import type { Epoch } from "../chain-spec.ts";
import type { ShareRecord } from "../ledger/contract/records.ts";
import { proofOf } from "../share-identity.ts";
import type { InTurn } from "./fair-turns.ts";
import { judgeProof, type Judgement } from "./judgement.ts";
import type { ShareSubmission } from "./share.ts";
import type { VerificationQueue } from "./verification-queue.ts";

/** Most wrong proofs of each kind, and most senders, that are remembered: about 1 MB each. */
const REMEMBERED = 4_096;

type Turn = Pick<InTurn, "lane" | "sender"> & { readonly waitedMs?: number };

/** What identifies a proof of work with what its miner claims of it. */
type Claim = Pick<ShareSubmission, "nonce" | "mixDigest"> & { readonly header: string };

/**
 * The full verification of submissions, and what is learnt from it: which proofs are wrong and who has shown a right one. A proof of
 * work that comes more than once is hashed once.
 */
export class ProofChecks {
  readonly #queue: Pick<VerificationQueue, "verify">;
  readonly #epochOf: (height: number) => Epoch;
  /** Hashes that are under way, by proof. */
  readonly #hashes = new Map<string, Promise<PowHash>>();
  /**
   * Proofs found wrong, by what was claimed. Each wrong claim has cost its maker as many Keccaks as a share has hashes, so these are
   * few and outlive their header; those without a claim are free to make and must not push them out.
   */
  readonly #refutedClaims = new BoundedMap<string, true>(REMEMBERED);
  readonly #refutedGuesses = new BoundedMap<string, true>(REMEMBERED);
  /** Senders whose last verified submission was right. */
  readonly #trusted = new BoundedMap<string, true>(REMEMBERED);

  constructor(queue: Pick<VerificationQueue, "verify">, epochOf: (height: number) => Epoch) {
    this.#queue = queue;
    this.#epochOf = epochOf;
  }

  /** Whether the same was found wrong before. */
  isRefuted(share: ShareSubmission): boolean {
    const claim = { ...share, header: share.job.header };
    return this.#refutedClaims.has(claimOf(claim)) || this.#refutedGuesses.has(guessOf(share));
  }

  /** The full verification of a submission that the cheap test has not refused. */
  async check(share: ShareSubmission): Promise<Judgement> {
    const { header, height } = share.job;
    const hash = await this.#hash(height, { header, nonce: share.nonce }, this.#turnOf(share));
    const judgement = judgeProof(share, hash);
    if (judgement.kind === "invalid") {
      this.#trusted.delete(senderOf(share));
      if (share.mixDigest === null) this.#refutedGuesses.set(guessOf(share), true);
      else this.#refutedClaims.set(claimOf({ ...share, header }), true);
    }
    return judgement;
  }

  /** The full verification of a record that only passed the cheap test. */
  async proves(record: ShareRecord): Promise<boolean> {
    const hash = await this.#hash(record.height, record, { lane: "judged", sender: senderOf(record) });
    const isRight = `0x${toHex(hash.mixDigest)}` === record.mixDigest;
    if (!isRight) this.#refutedClaims.set(claimOf(record), true);
    return isRight;
  }

  /** This one's proof was right, and nobody else's: what it sends next is not put behind others. */
  trust(share: ShareSubmission): void {
    this.#trusted.set(senderOf(share), true);
  }

  /** Whoever sends what nothing vouches for can name any login; an address is harder to come by. */
  #turnOf(share: ShareSubmission): Turn {
    const { client, login, mixDigest, waitedMs = 0 } = share;
    const sender = senderOf(share);
    if (mixDigest !== null || this.#trusted.has(sender)) return { lane: "judged", sender, waitedMs };
    return { lane: "unjudged", sender: client ?? login, waitedMs };
  }

  #hash(height: number, proof: { readonly header: string; readonly nonce: string }, turn: Turn): Promise<PowHash> {
    const key = proofOf(proof);
    const running = this.#hashes.get(key);
    if (running) return running;
    const { header, nonce } = proof;
    const hash = this.#queue
      .verify(this.#epochOf(height), { header, nonce }, turn)
      .finally(() => this.#hashes.delete(key));
    this.#hashes.set(key, hash);
    return hash;
  }
}

/** A login behind one address: a neighbour of either is another. */
function senderOf({ login, client = "" }: Pick<ShareSubmission, "login" | "client">): string {
  return `${login}/${client}`;
}

function claimOf(claim: Claim): string {
  return `${proofOf(claim)}${claim.mixDigest}`;
}

/** Without a claim it is the difficulty that a proof was found wrong for. */
function guessOf({ job: { header }, nonce, shareDifficulty }: ShareSubmission): string {
  return `${proofOf({ header, nonce })}/${shareDifficulty}`;
}

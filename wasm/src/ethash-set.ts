import type { CacheBuild } from "./cache-build.ts";
import type { Epoch } from "./chain-spec.ts";
import { MemoryError } from "./errors.ts";
import { Ethash, type EthashOptions } from "./ethash.ts";
import { memoryFor } from "./kernel.ts";

interface Member {
  readonly ethash: Ethash;
  /** The cache that this one holds or builds. */
  build: CacheBuild;
  /** Grows with every use. */
  usedAt: number;
}

/**
 * As many verifiers as a memory budget holds, each with the cache of one epoch. Where there is room the next epoch is
 * built beside the current one; where there is not, it replaces the one that has been idle longest, in its memory.
 */
export class EthashSet {
  readonly #module: WebAssembly.Module;
  readonly #maxMemoryBytes: number;
  #members: Member[] = [];
  #clock = 0;

  /** @param options `maxMemoryBytes`: all instances together; without it there is never more than one */
  constructor(module: WebAssembly.Module, options: EthashOptions = {}) {
    this.#module = module;
    this.#maxMemoryBytes = options.maxMemoryBytes ?? 0;
  }

  /** WebAssembly memory of all instances, in bytes. */
  get memoryBytes(): number {
    return bytesOf(this.#members);
  }

  /** The verifier whose cache of this epoch is complete, null where there is none: {@link prepare} it. */
  ready(epoch: Epoch): Ethash | null {
    const member = this.#find(epoch);
    if (!member?.build.done) return null;
    member.usedAt = ++this.#clock;
    return member.ethash;
  }

  /**
   * The build of this epoch's cache: the one that runs or is done, or a new one.
   * @throws ArgumentError, KernelTrapError
   * @throws MemoryError where the budget does not hold this cache alone, or the machine does not give the memory
   */
  prepare(epoch: Epoch): CacheBuild {
    const member = this.#find(epoch) ?? this.#place(epoch);
    member.usedAt = ++this.#clock;
    return member.build;
  }

  #find(epoch: Epoch): Member | undefined {
    // A trap empties an instance; its build is then of no use any more.
    this.#members = this.#members.filter(({ ethash, build }) =>
      build.done ? ethash.epoch !== null : !build.abandoned,
    );
    return this.#members.find(
      ({ build }) => build.epoch.number === epoch.number && build.epoch.seedRounds === epoch.seedRounds,
    );
  }

  #place(epoch: Epoch): Member {
    const needed = memoryFor(epoch);
    const keep = this.#members.toSorted((a, b) => b.usedAt - a.usedAt);
    const idle: Member[] = [];
    // Give up idle ones until what remains and the new one fit; the last given up lends its memory.
    while (keep.length > 0 && bytesOf(keep) + growth(needed, idle.at(-1)) > this.#maxMemoryBytes) {
      idle.push(...keep.splice(-1));
    }
    if (this.#maxMemoryBytes && growth(needed, idle.at(-1)) > this.#maxMemoryBytes) {
      throw new MemoryError(needed, this.#maxMemoryBytes);
    }
    const ethash = idle.at(-1)?.ethash ?? Ethash.instantiate(this.#module);
    const build = ethash.startCache(epoch);
    for (const member of idle) member.build.abandon();
    const member = { ethash, build, usedAt: 0 };
    this.#members = [...keep, member];
    return member;
  }
}

function bytesOf(members: readonly Member[]): number {
  return members.reduce((sum, { ethash }) => sum + ethash.memoryBytes, 0);
}

/** What a cache takes of the budget, in fresh memory or in that of the member which makes way. */
function growth(needed: number, reused: Member | undefined): number {
  return Math.max(needed, reused?.ethash.memoryBytes ?? 0);
}

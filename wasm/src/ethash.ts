import type { Epoch } from "./chain-spec.ts";
import { ArgumentError, MemoryError, NoCacheError } from "./errors.ts";
import { CacheBuild } from "./cache-build.ts";
import { hash256, nonce64 } from "./hex.ts";
import { asTrap, growTo, instantiateKernel, LAYOUT, MAX_BATCH, memoryFor, type Kernel } from "./kernel.ts";
import { cacheBytesOf, counts, datasetBytesOf, MAX_EPOCH } from "./sizes.ts";

const KECCAK256_RATE = 136;

/** What is hashed. Byte arrays are read, never kept. */
export interface PowInput {
  /** Header hash without nonce and mix digest: 32 bytes, or hex. */
  readonly header: Uint8Array | string;
  /** As a number, or as 16 hex digits, most significant first. */
  readonly nonce: bigint | string;
}

/** What comes out. */
export interface PowHash {
  /** 32 bytes. */
  readonly mixDigest: Uint8Array;
  /** 32 bytes, a big-endian number: compare with {@link meetsTarget}. */
  readonly result: Uint8Array;
}

/** Limits of an instance. */
export interface EthashOptions {
  /** Most WebAssembly memory that the instance may grow to; without it, what the machine gives. */
  readonly maxMemoryBytes?: number;
}

/**
 * One light verifier: a WebAssembly instance and the light cache in its memory. It holds one cache at a time; the next
 * one is built in place of it.
 */
export class Ethash {
  readonly #module: WebAssembly.Module;
  readonly #maxMemoryBytes: number | null;
  #kernel: Kernel;
  #epoch: Epoch | null = null;
  #build: CacheBuild | null = null;

  private constructor(module: WebAssembly.Module, maxMemoryBytes: number | null) {
    this.#module = module;
    this.#maxMemoryBytes = maxMemoryBytes;
    this.#kernel = instantiateKernel(module);
  }

  /**
   * A verifier without a cache.
   * @param module `@edgepool/ethash-wasm/kernel.wasm` in a Worker, `loadKernel()` of `@edgepool/ethash-wasm/node` in Node
   * @throws ArgumentError where `maxMemoryBytes` is not a positive number
   */
  static instantiate(module: WebAssembly.Module, options: EthashOptions = {}): Ethash {
    const { maxMemoryBytes } = options;
    if (maxMemoryBytes !== undefined && !(maxMemoryBytes > 0)) {
      throw new ArgumentError("maxMemoryBytes", `${maxMemoryBytes} is not a number above 0`);
    }
    return new Ethash(module, maxMemoryBytes ?? null);
  }

  /** The epoch whose cache is complete; null before the first and while one is being built. */
  get epoch(): Epoch | null {
    return this.#epoch;
  }

  /** WebAssembly memory held now, in bytes. It never shrinks. */
  get memoryBytes(): number {
    return this.#kernel.memory.buffer.byteLength;
  }

  /** Builds the cache of an epoch in one go: about a second of computing today. @throws see {@link startCache} */
  buildCache(epoch: Epoch): void {
    const build = this.startCache(epoch);
    while (!build.done) build.step(Infinity);
  }

  /**
   * Begins to build the cache of an epoch in the memory of the previous one, which is gone from then on: until the
   * build is done, hashes throw {@link NoCacheError}. A build in progress is abandoned.
   * @throws ArgumentError where the epoch is not one that `epochOf` gives
   * @throws MemoryError where the cache does not fit; the instance keeps what it had
   */
  startCache(epoch: Epoch): CacheBuild {
    checkEpoch(epoch);
    this.#reserve(epoch);
    this.#build?.abandon();
    this.#epoch = null;
    const { items, pages } = counts(epoch);
    const build = new CacheBuild(
      epoch,
      items,
      (run) => this.#run(run),
      () => {
        this.#kernel.setDatasetPages(pages);
        this.#epoch = epoch;
      },
    );
    this.#build = build;
    return build;
  }

  /**
   * Mix digest and result of one share: the full verification's work.
   * @throws ArgumentError, NoCacheError, KernelTrapError
   */
  hash(header: PowInput["header"], nonce: PowInput["nonce"]): PowHash {
    this.#needCache();
    const headerBytes = hash256(header, "header");
    const nonceNumber = nonce64(nonce, "nonce");
    return this.#run((kernel) => {
      writeShare(kernel, 0, headerBytes, nonceNumber);
      kernel.hashShares(1);
      return readShare(kernel, 0);
    });
  }

  /**
   * The same for up to {@link MAX_BATCH} shares at once, in their order. The more wait, the less each costs: 8 together
   * take about a quarter of the time each, 32 about a fifth (README, Measured), as their cache misses overlap.
   * @throws ArgumentError (the whole batch is then untouched), NoCacheError, KernelTrapError
   */
  hashBatch(inputs: readonly PowInput[]): PowHash[] {
    this.#needCache();
    if (!Array.isArray(inputs)) throw new ArgumentError("inputs", "not an array");
    if (inputs.length > MAX_BATCH) {
      throw new ArgumentError("inputs", `${inputs.length} shares where at most ${MAX_BATCH} fit`);
    }
    const shares = inputs.map(({ header, nonce }, index) => ({
      header: hash256(header, `inputs[${index}].header`),
      nonce: nonce64(nonce, `inputs[${index}].nonce`),
    }));
    if (shares.length === 0) return [];
    return this.#run((kernel) => {
      for (const [index, { header, nonce }] of shares.entries()) writeShare(kernel, index, header, nonce);
      kernel.hashShares(shares.length);
      return shares.map((_, index) => readShare(kernel, index));
    });
  }

  /**
   * The cheap test: the result that follows if the claimed mix digest is the right one. Two Keccaks, no cache needed. A
   * result over the target proves the share worthless; one under it proves nothing until {@link hash} gives the mix.
   * @returns 32 bytes, a big-endian number
   * @throws ArgumentError, KernelTrapError
   */
  resultOf(header: PowInput["header"], nonce: PowInput["nonce"], mixDigest: Uint8Array | string): Uint8Array {
    const headerBytes = hash256(header, "header");
    const nonceNumber = nonce64(nonce, "nonce");
    const mix = hash256(mixDigest, "mixDigest");
    return this.#run((kernel) => {
      writeShare(kernel, 0, headerBytes, nonceNumber);
      bytesAt(kernel, LAYOUT.shares + LAYOUT.shareMixDigest, 32).set(mix);
      kernel.resultOfShare();
      return bytesAt(kernel, LAYOUT.shares + LAYOUT.shareResult, 32).slice();
    });
  }

  /** The complete light cache: a view, valid until the next `startCache`; writing to it breaks every hash. @throws NoCacheError */
  cache(): Uint8Array {
    return bytesAt(this.#kernel, LAYOUT.cache, this.#needCache().cacheBytes);
  }

  /**
   * One page of the full dataset, two items, computed from the cache.
   * @param page from 0 to datasetBytes / 128 - 1
   * @returns 128 bytes
   * @throws ArgumentError, NoCacheError, KernelTrapError
   */
  datasetPage(page: number): Uint8Array {
    const { pages } = counts(this.#needCache());
    if (!Number.isSafeInteger(page) || page < 0 || page >= pages) {
      throw new ArgumentError("page", `${page} is not a whole number from 0 to ${pages - 1}`);
    }
    return this.#run((kernel) => {
      kernel.buildPage(page);
      return bytesAt(kernel, LAYOUT.items, 128).slice();
    });
  }

  /** The seed hash after that many rounds of Keccak-256, 32 bytes. @throws ArgumentError, KernelTrapError */
  seedHash(seedRounds: number): Uint8Array {
    checkSeedRounds(seedRounds, "seedRounds");
    return this.#run((kernel) => {
      kernel.seedHash(seedRounds);
      return bytesAt(kernel, LAYOUT.message, 32).slice();
    });
  }

  /** Keccak-256 as Ethereum has it (padding 0x01) of any number of bytes. @throws ArgumentError, KernelTrapError */
  keccak256(data: Uint8Array): Uint8Array {
    if (!(data instanceof Uint8Array)) throw new ArgumentError("data", "not a Uint8Array");
    return this.#run((kernel) => {
      const padded = padded256(data);
      const chunk = Math.floor(LAYOUT.messageBytes / KECCAK256_RATE) * KECCAK256_RATE;
      kernel.keccakReset();
      for (let at = 0; at < padded.length; at += chunk) {
        const part = padded.subarray(at, at + chunk);
        bytesAt(kernel, LAYOUT.message, part.length).set(part);
        kernel.keccakAbsorb(part.length / KECCAK256_RATE);
      }
      return bytesAt(kernel, LAYOUT.sponge, 32).slice();
    });
  }

  #needCache(): Epoch {
    if (!this.#epoch) throw new NoCacheError();
    return this.#epoch;
  }

  /** Grows the memory to hold the cache. */
  #reserve(epoch: Epoch): void {
    const needed = memoryFor(epoch);
    if (this.#maxMemoryBytes !== null && needed > this.#maxMemoryBytes) {
      throw new MemoryError(needed, this.#maxMemoryBytes);
    }
    try {
      growTo(this.#kernel.memory, needed);
    } catch (error) {
      throw new MemoryError(needed, null, { cause: error });
    }
  }

  /** Runs kernel code; after a trap the memory is worth nothing, so the instance is replaced. */
  #run<T>(work: (kernel: Kernel) => T): T {
    try {
      return work(this.#kernel);
    } catch (error) {
      const mapped = asTrap(error);
      if (mapped !== error) {
        this.#build?.abandon();
        this.#epoch = null;
        this.#kernel = instantiateKernel(this.#module);
      }
      throw mapped;
    }
  }
}

/** A view made anew at each use: growing the memory detaches the old ones. */
function bytesAt(kernel: Kernel, address: number, length: number): Uint8Array {
  return new Uint8Array(kernel.memory.buffer, address, length);
}

function writeShare(kernel: Kernel, share: number, header: Uint8Array, nonce: bigint): void {
  const slot = LAYOUT.shares + share * LAYOUT.shareBytes;
  bytesAt(kernel, slot, 32).set(header);
  new DataView(kernel.memory.buffer).setBigUint64(slot + LAYOUT.shareNonce, nonce, true);
}

function readShare(kernel: Kernel, share: number): PowHash {
  const slot = LAYOUT.shares + share * LAYOUT.shareBytes;
  return {
    mixDigest: bytesAt(kernel, slot + LAYOUT.shareMixDigest, 32).slice(),
    result: bytesAt(kernel, slot + LAYOUT.shareResult, 32).slice(),
  };
}

function padded256(data: Uint8Array): Uint8Array {
  const padded = new Uint8Array((Math.floor(data.length / KECCAK256_RATE) + 1) * KECCAK256_RATE);
  padded.set(data);
  padded[data.length] = 0x01;
  padded[padded.length - 1] = (padded[padded.length - 1] ?? 0) | 0x80;
  return padded;
}

function checkEpoch(epoch: Epoch): void {
  checkSeedRounds(epoch.seedRounds, "epoch.seedRounds");
  if (epoch.cacheBytes !== cacheBytesOf(epoch.number)) {
    throw new ArgumentError("epoch.cacheBytes", `${epoch.cacheBytes} is not the cache size of epoch ${epoch.number}`);
  }
  if (epoch.datasetBytes !== datasetBytesOf(epoch.number)) {
    throw new ArgumentError(
      "epoch.datasetBytes",
      `${epoch.datasetBytes} is not the dataset size of epoch ${epoch.number}`,
    );
  }
}

/** ECIP-1099 has two rounds an epoch. */
const MAX_SEED_ROUNDS = 2 * MAX_EPOCH;

function checkSeedRounds(rounds: number, argument: string): void {
  if (!Number.isSafeInteger(rounds) || rounds < 0 || rounds > MAX_SEED_ROUNDS) {
    throw new ArgumentError(argument, `${rounds} is not a whole number from 0 to ${MAX_SEED_ROUNDS}`);
  }
}

/** What can go wrong in this package; `kind` says which, for a `switch`. */
export type EthashErrorKind = "argument" | "no-cache" | "memory" | "trap" | "abandoned";

/** Base of every error that this package throws on purpose. */
export abstract class EthashError extends Error {
  abstract readonly kind: EthashErrorKind;
}

/** A wrong argument; nothing was changed. */
export class ArgumentError extends EthashError {
  override readonly name = "ArgumentError";
  readonly kind = "argument";
  /** The argument, as the signature calls it, with its place in a list: `inputs[3].nonce`. */
  readonly argument: string;

  constructor(argument: string, problem: string) {
    super(`${argument}: ${problem}`);
    this.argument = argument;
  }
}

/** A hash was asked for while no complete light cache is in memory. */
export class NoCacheError extends EthashError {
  override readonly name = "NoCacheError";
  readonly kind = "no-cache";

  constructor() {
    super("no light cache is complete: build one with buildCache or startCache first");
  }
}

/** The light cache does not fit, by the given budget or by what the machine gives. The instance stays usable. */
export class MemoryError extends EthashError {
  override readonly name = "MemoryError";
  readonly kind = "memory";
  /** What the epoch needs, in bytes of WebAssembly memory. */
  readonly requiredBytes: number;
  /** The budget that was set; null where the machine refused. */
  readonly maxMemoryBytes: number | null;

  constructor(requiredBytes: number, maxMemoryBytes: number | null, options?: ErrorOptions) {
    const limit =
      maxMemoryBytes === null ? "which this machine does not give" : `over maxMemoryBytes ${maxMemoryBytes}`;
    super(`the light cache needs ${requiredBytes} bytes of memory, ${limit}`, options);
    this.requiredBytes = requiredBytes;
    this.maxMemoryBytes = maxMemoryBytes;
  }
}

/**
 * The kernel trapped, which no input should be able to cause. Its instance was thrown away with its cache and a fresh
 * one stands in its place: build the cache again and go on. `cause` is the WebAssembly.RuntimeError.
 */
export class KernelTrapError extends EthashError {
  override readonly name = "KernelTrapError";
  readonly kind = "trap";

  constructor(cause: unknown) {
    super("the kernel trapped; it was instantiated anew and has no cache", { cause });
  }
}

/** A step of a cache build that was given up, because another one was started or the kernel trapped. */
export class BuildAbandonedError extends EthashError {
  override readonly name = "BuildAbandonedError";
  readonly kind = "abandoned";

  constructor() {
    super("this cache build was given up: its memory serves another one");
  }
}

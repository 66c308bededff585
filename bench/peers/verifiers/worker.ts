// The pool's verifiers with a clock around the kernel: what they spend on hashes, and on how many at a time.
import { Ethash } from "@edgepool/ethash-wasm";
import { CacheKeeper } from "../../../core/shares/cache-keeper.ts";
import { VerificationQueue } from "../../../core/shares/verification-queue.ts";
import { systemClock } from "../../../durable-objects/platform/system-clock.ts";
import { measuredEpoch } from "../measured-epoch.ts";
import { ShareVerifier as PoolVerifier } from "../../../worker/scripts/verifiers.ts";

const EPOCH = measuredEpoch();

/** Since the start. A clock of whole milliseconds, read often and at any moment of them, gives sums that are right. */
const use = { shares: 0, batches: 0, ms: 0 };

function timed(hashShares: (count: number) => void): (count: number) => void {
  return (count) => {
    const startMs = performance.now();
    hashShares(count);
    use.ms += performance.now() - startMs;
    use.shares += count;
    use.batches += 1;
  };
}

/** The pool's kernel, once it has made one. */
let kernel: WebAssembly.Module | null = null;

/** Makes an instance whose `hashShares` is timed. */
const Timed = new Proxy(WebAssembly.Instance, {
  construct(Instance, [module]: [WebAssembly.Module]) {
    kernel = module;
    const { exports } = new Instance(module);
    const { hashShares } = exports;
    return typeof hashShares === "function"
      ? { exports: { ...exports, hashShares: timed((count) => void Reflect.apply(hashShares, undefined, [count])) } }
      : { exports };
  },
});
Object.defineProperty(WebAssembly, "Instance", { value: Timed });

function newKernel(): Ethash {
  if (kernel === null) throw new Error("the pool has no kernel yet");
  return Ethash.instantiate(kernel);
}

/** A queue as the pool's verifiers have one, with the pool's kernel and its rule of gathering. */
function floorQueue(): VerificationQueue {
  return new VerificationQueue({
    keeper: new CacheKeeper(newKernel, 80 << 20),
    clock: systemClock,
    bound: 5_000,
    onFailure: (error) => console.error(String(error)),
  });
}

/** The pool's verifier, which also tells what the kernel did. */
export class ShareVerifier extends PoolVerifier {
  #floor: VerificationQueue | null = null;

  /** A hash of the bench's epoch, of a sender that is known to be right: what a share needs and nothing else. */
  async floor(header: string, nonce: string): Promise<boolean> {
    this.#floor ??= floorQueue();
    const turn = { lane: "judged", sender: header } as const;
    const { result } = await this.#floor.verify(EPOCH, { header, nonce }, turn);
    return result.length === 32;
  }

  /** Several, which have waited for each other. */
  async floorAll(proofs: readonly { readonly header: string; readonly nonce: string }[]): Promise<boolean[]> {
    return await Promise.all(proofs.map(({ header, nonce }) => this.floor(header, nonce)));
  }

  override async fetch(): Promise<Response> {
    return Response.json(use);
  }
}

export { EmbeddedRedis, default } from "../../../worker/scripts/verifiers.ts";

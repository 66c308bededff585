// The pool's verifiers with a clock around the kernel: what they spend on hashes, and on how many at a time.
import { ShareVerifier as PoolVerifier } from "../../../worker/scripts/verifiers.ts";

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

/** Makes an instance whose `hashShares` is timed. */
const Timed = new Proxy(WebAssembly.Instance, {
  construct(Instance, [module]: [WebAssembly.Module]) {
    const { exports } = new Instance(module);
    const { hashShares } = exports;
    return typeof hashShares === "function"
      ? { exports: { ...exports, hashShares: timed((count) => void Reflect.apply(hashShares, undefined, [count])) } }
      : { exports };
  },
});
Object.defineProperty(WebAssembly, "Instance", { value: Timed });

/** The pool's verifier, which also tells what the kernel did. */
export class ShareVerifier extends PoolVerifier {
  override async fetch(): Promise<Response> {
    return Response.json(use);
  }
}

export { EmbeddedRedis, default } from "../../../worker/scripts/verifiers.ts";

// Run by bounds-checks.test.ts in processes of its own: prints a digest of what each kernel computes.
import { Ethash, MAX_BATCH, toHex } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { epochWith } from "./epochs.ts";
import { randomBytes, randomNonce, seeded } from "./random.ts";

const ethash = Ethash.instantiate(loadKernel());
ethash.buildCache(epochWith({ size_epoch: 0 }));

const random = seeded(1);
const shares = Array.from({ length: MAX_BATCH }, () => ({
  header: randomBytes(random, 32),
  nonce: randomNonce(random),
}));
const digestOf = (size: number) => {
  const hashes =
    size === 1
      ? shares.slice(0, 1).map(({ header, nonce }) => ethash.hash(header, nonce))
      : ethash.hashBatch(shares.slice(0, size));
  return toHex(ethash.keccak256(Buffer.concat(hashes.flatMap(({ mixDigest, result }) => [mixDigest, result]))));
};

const cache = toHex(ethash.keccak256(ethash.cache()));
const batches = Array.from({ length: MAX_BATCH }, (_, index) => digestOf(index + 1));
process.stdout.write(JSON.stringify({ cache, batches }));

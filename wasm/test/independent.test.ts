import { expect, test } from "vitest";
import { Ethash, toHex } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { Peer } from "./independent.ts";
import { Miniature } from "./miniature.ts";
import { randomBytes, randomNonce, seeded } from "./random.ts";

const random = seeded(3);
const host = Ethash.instantiate(loadKernel());
const miniature = new Miniature();
const peer = new Peer();

/** Sizes, seeds, slices, headers and nonces at random; each kernel gets its turn. Real epochs: independent.slow.test.ts. */
const cases = [1, 2, 3, 5, 8, 9, 12].map((shares) => ({
  shares,
  items: 1 + random(3000),
  pages: 1 + random(2 ** 27),
  seedRounds: random(60),
  slice: 1 + random(700),
}));

test.each(cases)(
  "$shares shares on a cache of $items items and a dataset of $pages pages agree with an independent implementation",
  ({ shares: count, items, pages, seedRounds, slice }) => {
    const seed = host.seedHash(seedRounds);
    const cache = miniature.build({ items, pages, seedRounds, slice });
    expect(toHex(cache)).toBe(toHex(peer.build({ cacheBytes: items * 64, datasetBytes: pages * 128, seed })));
    const shares = Array.from({ length: count }, () => ({
      header: randomBytes(random, 32),
      nonce: randomNonce(random),
    }));
    const hashes = miniature.hash(shares);
    // Hashing takes the peer 135 ms: the first and the last share of the batch; batch.test.ts compares all of them.
    for (const index of new Set([0, count - 1])) {
      const share = shares[index];
      if (share) expect(hashes[index]).toEqual(peer.hash(share.header, share.nonce));
    }
  },
);

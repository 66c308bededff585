import { expect, test } from "vitest";
import { chainByName, epochOf, Ethash, toHex } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { Peer } from "./independent.ts";
import { randomBytes, randomNonce, seeded } from "./random.ts";

const random = seeded(30_000);
const ethash = Ethash.instantiate(loadKernel());
const peer = new Peer();

const blocks = [
  { chain: "ethereum", block: random(60_000) },
  { chain: "classic", block: random(200_000) },
  { chain: "mordor", block: 2_520_000 + random(100_000) },
];

test.each(blocks)(
  "random shares of $chain block $block agree with an independent implementation",
  ({ chain, block }) => {
    const spec = chainByName(chain);
    if (!spec) throw new Error(`no chain ${chain}`);
    const epoch = epochOf(spec, block);
    ethash.buildCache(epoch);
    const cache = peer.build({ ...epoch, seed: ethash.seedHash(epoch.seedRounds) });
    expect(toHex(ethash.keccak256(ethash.cache()))).toBe(toHex(ethash.keccak256(cache)));
    const shares = Array.from({ length: 20 }, () => ({ header: randomBytes(random, 32), nonce: randomNonce(random) }));
    expect(ethash.hashBatch(shares)).toEqual(shares.map(({ header, nonce }) => peer.hash(header, nonce)));
  },
);

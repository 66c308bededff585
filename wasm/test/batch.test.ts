import { expect, test } from "vitest";
import { Ethash, MAX_BATCH, toHex, type PowHash, type PowInput } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { epochWith } from "./epochs.ts";
import { randomBytes, randomNonce, seeded } from "./random.ts";

const ethash = Ethash.instantiate(loadKernel());
ethash.buildCache(epochWith({ size_epoch: 1 }));

const random = seeded(20_261_122);
const shares = Array.from({ length: MAX_BATCH }, (): PowInput => ({
  header: randomBytes(random, 32),
  nonce: randomNonce(random),
}));
const text = ({ mixDigest, result }: PowHash) => toHex(mixDigest) + toHex(result);
const alone = shares.map(({ header, nonce }) => text(ethash.hash(header, nonce)));

test.each(Array.from({ length: MAX_BATCH }, (_, index) => index + 1))(
  "a batch of %i gives what its shares give alone",
  (size) => {
    // Both ends of the list, so that every share is hashed in many slots and beside different neighbours.
    expect(ethash.hashBatch(shares.slice(0, size)).map(text)).toEqual(alone.slice(0, size));
    expect(ethash.hashBatch(shares.slice(-size).toReversed()).map(text)).toEqual(alone.slice(-size).toReversed());
  },
);

test("the same share many times in one batch gives the same hash in every slot", () => {
  const [share] = shares;
  if (!share) throw new Error("no shares");
  const hashes = ethash.hashBatch(Array.from({ length: MAX_BATCH }, () => share)).map(text);
  expect(new Set(hashes)).toEqual(new Set(alone.slice(0, 1)));
});

test("an empty batch gives an empty list", () => {
  expect(ethash.hashBatch([])).toEqual([]);
});

test("headers and nonces are accepted as bytes and numbers, or as hex with and without 0x in either case", () => {
  const [share] = shares;
  if (!(share?.header instanceof Uint8Array) || typeof share.nonce !== "bigint") throw new Error("no shares");
  const header = toHex(share.header);
  const nonce = share.nonce.toString(16).padStart(16, "0");
  const forms = [
    { header, nonce },
    { header: `0x${header}`, nonce: `0x${nonce}` },
    { header: header.toUpperCase(), nonce: nonce.toUpperCase() },
  ];
  for (const form of forms) expect(text(ethash.hash(form.header, form.nonce))).toBe(alone[0]);
  expect(ethash.hashBatch(forms).map(text)).toEqual([alone[0], alone[0], alone[0]]);
});

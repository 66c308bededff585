import type { BlockRecord, ShareRecord } from "../../../core/ledger/contract/records.ts";

const hex = (value: number | bigint, digits: number): string => `0x${value.toString(16).padStart(digits, "0")}`;

/** A record of the given miner with a proof of work that nothing else has unless `proof` is the same. */
export function makeRecord(miner: number, timestampMs: number, proof: number, height = 1000): ShareRecord {
  return {
    login: hex(miner, 40),
    worker: "rig",
    nonce: hex(proof, 16),
    header: hex(height, 64),
    mixDigest: hex(BigInt(proof) * 7n + 1n, 64),
    height,
    shareDifficulty: 1000n,
    timestampMs,
  };
}

/** The same as a block. */
export function makeBlock(miner: number, timestampMs: number, proof: number, height = 1000): BlockRecord {
  return { ...makeRecord(miner, timestampMs, proof, height), networkDifficulty: 1_000_000n };
}

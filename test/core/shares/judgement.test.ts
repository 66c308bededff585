import { fromHex } from "@edgepool/ethash-wasm";
import { describe, expect, it } from "vitest";
import { judgeClaim, judgeProof } from "../../../core/shares/judgement.ts";
import { makeJob, submission } from "../../support/proofs.ts";

const number = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, "0"));
const mix = (digit: string): string => `0x${digit.repeat(64)}`;
const proof = (result: bigint) => ({ mixDigest: fromHex("ab".repeat(32)), result: number(result) });
const target = (difficulty: bigint): bigint => (1n << 256n) / difficulty;
const right = mix("ab").slice(0, 66);

function share(shareDifficulty: bigint, networkDifficulty: bigint, mixDigest: string | null = right) {
  return submission(makeJob(1, networkDifficulty), { nonce: "0x0000000000000001", mixDigest }, { shareDifficulty });
}

describe("the judgement of a proof of work", () => {
  it("takes a result equal to the share target and refuses the next one", () => {
    expect(judgeProof(share(3n, 1000n), proof(target(3n))).kind).toBe("share");
    expect(judgeProof(share(3n, 1000n), proof(target(3n) + 1n))).toEqual({ kind: "invalid" });
  });

  it("calls a result equal to floor(2^256 / network difficulty) a block, and not the next one", () => {
    expect(judgeProof(share(3n, 1000n), proof(target(1000n))).kind).toBe("block");
    expect(judgeProof(share(3n, 1000n), proof(target(1000n) + 1n)).kind).toBe("share");
  });

  it("refuses a wrong mix digest whatever the result is", () => {
    expect(judgeProof(share(3n, 1000n, mix("0")), proof(0n))).toEqual({ kind: "invalid" });
  });

  it("puts the pool's own mix digest into the record where the miner sent none", () => {
    const judged = judgeProof(share(3n, 1000n, null), proof(0n));
    expect(judged.kind === "block" && judged.record.mixDigest).toBe(right);
  });

  it("credits a block that misses a share target above the network's with what it proves", () => {
    const judged = judgeProof(share(1000n, 3n), proof(target(3n)));
    expect(judged.kind === "block" && judged.record.shareDifficulty).toBe(3n);
  });

  it("takes difficulty 1, and a target that the reference sends without left padding", () => {
    expect(judgeProof(share(1n, 1n << 60n), proof((1n << 256n) - 1n)).kind).toBe("share");
    expect(judgeProof(share(1n << 30n, 1n << 60n), proof(target(1n << 30n))).kind).toBe("share");
    expect(judgeProof(share(1n << 30n, 1n << 60n), proof(target(1n << 30n) + 1n)).kind).toBe("invalid");
  });

  it("judges a claim by its result alone", () => {
    const claim = { ...share(3n, 1000n), mixDigest: right };
    expect(judgeClaim(claim, () => number(target(1000n)))?.kind).toBe("block");
    expect(judgeClaim(claim, () => number(target(3n)))?.kind).toBe("share");
    expect(judgeClaim(claim, () => number(target(3n) + 1n))?.kind).toBe("invalid");
    expect(judgeClaim({ ...claim, mixDigest: null }, () => number(0n))).toBeNull();
  });
});

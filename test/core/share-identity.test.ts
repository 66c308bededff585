import { describe, expect, it } from "vitest";
import { BoundedMap } from "../../core/bounded-map.ts";
import { identityOf, proofOf } from "../../core/share-identity.ts";
import { shardOf, verifierName } from "../../core/shares/shards.ts";

describe("a share", () => {
  it("is named by login, worker and its unique time", () => {
    expect(identityOf({ login: "0xa", worker: "rig-1", timestampMs: 17 })).toBe("0xa/rig-1/17");
  });

  it("has its proof of work in common with every copy", () => {
    expect(proofOf({ header: "0x01", nonce: "0x02" })).toBe("0x010x02");
  });

  it("goes to the same verifier in every release: another one would not know what waits there", () => {
    const logins = ["0", "1", "a"].map((digit) => `0x${digit.repeat(40)}`);
    expect(logins.map((login) => verifierName(shardOf(login, 256)))).toEqual(["shard-149", "shard-221", "shard-189"]);
  });
});

describe("a bounded map", () => {
  it("lets the entry make way that was added first, and keeps the place of one that is set anew", () => {
    const map = new BoundedMap<string, number>(2).set("a", 1).set("b", 2).set("a", 3).set("c", 4);
    expect([...map]).toEqual([
      ["b", 2],
      ["c", 4],
    ]);
  });
});

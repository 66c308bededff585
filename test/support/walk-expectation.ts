import { expect } from "vitest";
import type { LedgerDump } from "./ledger-dump.ts";

/** Share difficulty of the walk, in hashes. */
export const SHARE = 100n;
/** Network difficulty of the walk, in hashes. */
export const NETWORK = 2_000n;
/** Low enough that the reference's unsigned `height - 8` would underflow. */
export const HEIGHT = 5;
export const ALICE = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
export const BOB = "0x00000000000000000000000000000000000b0b0b";

/** A share that the pool has accepted. */
export interface Sent {
  readonly login: string;
  readonly worker: string;
  /** `nonce:powHash:mixDigest` */
  readonly pow: string;
  readonly height: number;
}

const worth = (shares: number): string => (SHARE * BigInt(shares)).toString();

/** Compares with what docs/ledger.md says these submissions leave behind; only times are taken from the ledger, and checked. */
export function compareWithLedgerDocument(
  dump: LedgerDump,
  sent: readonly Sent[],
  blockNonce: string,
  startedS: number,
): void {
  const nowS = Math.floor(Date.now() / 1000);
  const zset = (key: string) => {
    const entry = dump[key];
    if (entry?.type !== "zset" || typeof entry.content !== "object") throw new Error(`${key} is no sorted set`);
    return Object.entries(entry.content);
  };
  const lastShare = new Map<string, number>();
  const hashrate = zset("eth:hashrate");
  expect(hashrate).toHaveLength(sent.length);
  for (const [member, score] of hashrate) {
    const [diff, login, id, ms] = member.split(":");
    expect({ diff, login, id }).toEqual({ diff: SHARE.toString(), login, id: login === ALICE ? "rig-1" : "007" });
    expect(Number(score)).toBe(Math.floor(Number(ms) / 1000));
    expect(Number(score)).toBeGreaterThanOrEqual(startedS);
    expect(Number(score)).toBeLessThanOrEqual(nowS);
    lastShare.set(login ?? "", Math.max(Number(score), lastShare.get(login ?? "") ?? 0));
  }
  const [candidate] = zset("eth:blocks:candidates")[0] ?? [""];
  const ts = candidate.split(":")[3] ?? "";
  const blockPow = sent.find(({ pow }) => pow.startsWith(blockNonce))?.pow;
  const own = (login: string) =>
    Object.fromEntries(
      hashrate
        .filter(([member]) => member.split(":")[1] === login)
        .map(([member, score]) => [member.replace(`:${login}`, ""), score]),
    );
  const { [`eth:nodes`]: nodes, ...books } = dump;
  expect(books).toEqual({
    "eth:blocks:candidates": {
      type: "zset",
      content: { [`${blockPow}:${ts}:${NETWORK}:${worth(4)}`]: String(HEIGHT) },
    },
    "eth:finders": { type: "zset", content: { [BOB]: "1" } },
    "eth:hashrate": { type: "zset", content: Object.fromEntries(hashrate) },
    [`eth:hashrate:${ALICE}`]: { type: "zset", content: own(ALICE) },
    [`eth:hashrate:${BOB}`]: { type: "zset", content: own(BOB) },
    [`eth:miners:${ALICE}`]: { type: "hash", content: { lastShare: String(lastShare.get(ALICE)) } },
    [`eth:miners:${BOB}`]: { type: "hash", content: { lastShare: String(lastShare.get(BOB)), blocksFound: "1" } },
    "eth:pow": { type: "zset", content: Object.fromEntries(sent.map(({ pow, height }) => [pow, String(height)])) },
    "eth:shares:roundCurrent": { type: "hash", content: { [ALICE]: worth(1) } },
    [`eth:shares:round${HEIGHT}:${blockNonce}`]: {
      type: "hash",
      content: { [ALICE]: worth(2), [BOB]: worth(2) },
    },
    "eth:stats": { type: "hash", content: { lastBlockFound: ts, roundShares: worth(1) } },
  });
  expect(Object.keys(own(ALICE))).toHaveLength(3);
  expect(nodes).toMatchObject({
    type: "hash",
    content: { "walk:name": "walk", "walk:difficulty": NETWORK.toString() },
  });
}

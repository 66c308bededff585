import { describe, expect, it } from "vitest";
import { judge, type NodeTestimony } from "../../../core/payouts/block-verdict.ts";
import type { ChainPlace, SealedHeader } from "../../../core/work/chain-search.ts";

const header = (hash: string): SealedHeader => ({
  hash,
  parentHash: "",
  nonce: "",
  mixHash: "",
  uncles: [],
  fields: {},
});
const place = (hash: string, height = 100): ChainPlace => ({
  as: "block",
  height,
  header: header(hash),
  including: header(hash),
});
const has = (node: string, at = place("0xaa")): NodeTestimony => ({
  node,
  search: { kind: "found", place: at },
  cannotDeny: null,
});
const lacks = (node: string, hash = "0xbb", cannotDeny: string | null = null): NodeTestimony => ({
  node,
  search: { kind: "absent", hash },
  cannotDeny,
});
const silent = (node: string): NodeTestimony => ({
  node,
  search: { kind: "error", reason: "no answer within 10000 ms" },
  cannotDeny: null,
});
const early = { strict: false, patient: false };
const atMaturity = { strict: true, patient: true };

describe("what nodes say together of a block", () => {
  it("before maturity, one that has it wins", () => {
    const verdict = judge([lacks("a"), silent("b"), has("c")], early);
    expect(verdict).toMatchObject({ kind: "found", nodes: ["c"] });
  });

  it("it is absent where one that may deny it does and none has it", () => {
    expect(judge([lacks("a"), silent("b")], early)).toEqual({ kind: "absent" });
    expect(judge([lacks("a"), lacks("b")], atMaturity)).toEqual({ kind: "absent" });
  });

  it("a node that is syncing or has no peers cannot deny it", () => {
    expect(judge([lacks("a", "0xbb", "it is syncing")], early)).toEqual({
      kind: "open",
      reason: "a does not have the block, but it is syncing",
    });
    expect(judge([lacks("a", "0xbb", "it is syncing"), has("b")], atMaturity)).toMatchObject({ kind: "found" });
  });

  it("nothing is decided without an answer", () => {
    expect(judge([silent("a")], early)).toEqual({ kind: "open", reason: "a: no answer within 10000 ms" });
    expect(judge([], early)).toMatchObject({ kind: "open" });
  });

  it("at maturity, nodes on different chains stop it, whichever has it", () => {
    const reason = "a has the block in its chain, b does not";
    expect(judge([has("a"), lacks("b")], atMaturity)).toEqual({ kind: "open", reason });
    expect(judge([has("a"), has("b", place("0xcc", 102))], atMaturity)).toEqual({
      kind: "open",
      reason: "a has it in block 100 (0xaa), b in block 102 (0xcc)",
    });
    expect(judge([lacks("a"), lacks("b", "0xdd")], atMaturity)).toEqual({
      kind: "open",
      reason: "a and b are on different chains at this height",
    });
    expect(judge([has("a"), has("b"), silent("c")], atMaturity)).toMatchObject({ kind: "found", nodes: ["a", "b"] });
  });

  it("at maturity, a node that is away is waited for before a denial is believed, but not for ever", () => {
    expect(judge([lacks("a"), silent("b")], atMaturity)).toMatchObject({ kind: "open" });
    expect(judge([lacks("a"), silent("b")], { strict: true, patient: false })).toEqual({ kind: "absent" });
  });
});

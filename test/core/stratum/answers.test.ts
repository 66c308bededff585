import { describe, expect, it } from "vitest";
import { readAnswer, type Answer } from "../../../core/stratum/answers.ts";
import { DIALECTS } from "../../../core/stratum/dialects.ts";
import { REJECTIONS, type RejectReason } from "../../../core/stratum/rejections.ts";

const read = (line: string, version2 = false): Answer =>
  readAnswer(JSON.parse(line) as Record<string, unknown>, version2);

const dialects = Object.values(DIALECTS);
const reasons = Object.keys(REJECTIONS) as RejectReason[];

describe("what the pool writes and a bridge or miner reads", () => {
  it.each(dialects)("a yes in $name is a yes", (dialect) => {
    const es2 = dialect.name === "es2";
    expect(read(dialect.granted("40"), es2).kind).toBe("granted");
    expect(read(dialect.result("5", '["a","b"]'), es2)).toEqual({ kind: "granted", result: ["a", "b"] });
  });

  it.each(dialects.flatMap((dialect) => reasons.map((reason) => ({ dialect, name: dialect.name, reason }))))(
    "$reason in $name is a no, and says so by its own name where the dialect says why",
    ({ dialect, name, reason }) => {
      const answer = read(dialect.rejection("40", reason), name === "es2");
      if (answer.kind !== "refused") throw new Error("it was read as a yes");
      const { refusal } = answer;
      // A bare false: stale or invalid, the dialect does not say which.
      if (name === "ethProxy" && REJECTIONS[reason].code === null) expect(refusal.reason).toBeNull();
      else expect(REJECTIONS[refusal.reason ?? "banned"].message).toBe(REJECTIONS[reason].message);
    },
  );

  it("takes EthereumStratum/2's answer of an id alone for a yes, and no other dialect's", () => {
    expect(read('{"id":40}', true)).toEqual({ kind: "granted", result: undefined });
    expect(read('{"id":40,"result":null,"error":null}', true).kind).toBe("granted");
    expect(read('{"id":40,"jsonrpc":"2.0"}').kind).toBe("refused");
  });

  it.each([
    ['{"id":1,"result":null,"error":[22,"share is a duplicate",null]}', "duplicate"],
    ['{"id":1,"error":{"code":409,"message":"seen"}}', "duplicate"],
    ['{"id":1,"result":null,"error":{"code":0,"message":"You are banned"}}', "banned"],
    ['{"id":1,"result":null,"error":{"code":0,"message":"no work yet"}}', "notReady"],
    ['{"id":1,"result":null,"error":[20,"Other",null]}', null],
    ['{"id":1,"result":null,"error":"no"}', null],
  ])("reads %s as %s", (line, reason) => {
    const answer = read(line);
    expect(answer.kind === "refused" ? answer.refusal.reason : answer).toBe(reason);
  });
});

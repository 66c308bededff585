import { describe, expect, it } from "vitest";
import { parseMinerLine } from "../src/miner-side/miner-line.ts";
import { NonceRange } from "../src/session/nonce-range.ts";

const SESSION = "0b7a1f0e-5f7c-4c59-9d1e-01234580000a";

function requestOf(line: string) {
  const parsed = parseMinerLine(line);
  if (parsed === null || parsed.kind === "answer") throw new Error(`no request: ${line}`);
  return parsed.request;
}

describe("a session that is resumed", () => {
  it("is named with the extranonce that it has by then, where its id ends in the one that it had", () => {
    const nonces = new NonceRange();
    const subscribe = requestOf('{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}');
    nonces.learnLogin(subscribe, { result: [["mining.notify", SESSION, "EthereumStratum/1.0.0"], "80000a"] });
    expect(nonces.replayOf(subscribe)["params"]).toEqual(["m/1", "EthereumStratum/1.0.0", SESSION]);
    nonces.learnPush({ method: "mining.set_extranonce", params: ["610001"] });
    nonces.learnPush({ method: "mining.set_extranonce", params: ["614002"] });
    expect(nonces.replayOf(subscribe)["params"]).toEqual([
      "m/1",
      "EthereumStratum/1.0.0",
      "0b7a1f0e-5f7c-4c59-9d1e-012345614002",
    ]);
  });

  it("keeps the id that another pool gave it", () => {
    const nonces = new NonceRange();
    const subscribe = requestOf('{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}');
    nonces.learnLogin(subscribe, { result: [["mining.notify", "ae68", "EthereumStratum/1.0.0"], "0a0a"] });
    nonces.learnPush({ method: "mining.set_extranonce", params: ["0b0b"] });
    expect(nonces.replayOf(subscribe)["params"]).toEqual(["m/1", "EthereumStratum/1.0.0", "ae68"]);
  });
});

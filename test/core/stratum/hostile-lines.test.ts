import { describe, expect, it } from "vitest";
import { loggedInSession } from "../../../core/stratum/handle.ts";
import { REJECTIONS } from "../../../core/stratum/rejections.ts";
import { ENTRANCES, hostileLines } from "../../support/hostile-lines.ts";
import { LOGIN, PoolDriver } from "./pool-driver.ts";

const LINES = 10_000;

const messages = [...new Set(Object.values(REJECTIONS).map(({ message }) => message))].join("|");
/** The only shapes in which the pool answers, per dialect; ids and granted values aside. */
const DOCUMENTED: Record<string, RegExp> = {
  ethProxy: new RegExp(
    `^{"id":.+,"jsonrpc":"2.0","result":(?:true|false|\\["0x[0-9a-f]{64}","0x[0-9a-f]{64}","0x[0-9a-f]{64}"\\]|null,"error":{"code":-?\\d+,"message":"(?:${messages})"})}$`,
    "s",
  ),
  es1: new RegExp(
    `^{"id":.+,(?:"result":(?:true|null|\\[.+\\]),"error":(?:null|\\[\\d+,"(?:${messages})",null\\])|"method":"mining\\..+)}$`,
    "s",
  ),
  es2: new RegExp(
    `^{(?:"id":.+?(?:,"result":.+|,"error":{"code":\\d{3},"message":"(?:${messages})"})?|"method":"mining\\..+)}$`,
    "s",
  ),
};

/** The answer to `eth_getBlockByNumber`. */
const BLOCK = /^{"id":.+,"jsonrpc":"2.0","result":{"number":"0x[0-9a-f]+","difficulty":"0x[0-9a-f]+"}}$/s;

const lines = hostileLines(LINES, 20261122);

describe.each(Object.keys(ENTRANCES))("%s and ten thousand malformed and hostile lines", (dialect) => {
  it("gives documented replies, throws nothing and keeps nothing of them", () => {
    const documented = DOCUMENTED[dialect === "stratum" ? "es1" : dialect] ?? /^$/;
    const undocumented: { line: string; reply: string }[] = [];
    let [pool, closed, grown] = [entered(dialect), 0, 0];
    const atFirst = size(pool);
    for (const line of lines) {
      for (const reply of pool.say(line)) {
        if (!documented.test(reply) || !isJson(reply)) undocumented.push({ line, reply });
      }
      grown = Math.max(grown, size(pool) - atFirst);
      if (pool.closed === null) continue;
      closed++;
      pool = entered(dialect);
    }
    expect(undocumented).toEqual([]);
    // What hibernation has to keep stays what it was, but for the worker's name that a line may have set.
    expect(grown).toBeLessThan(200);
    expect(closed).toBeGreaterThan(100);
  });
});

describe("hostile lines before any login", () => {
  it("are all answered in JSON, and none reaches the verifier", () => {
    const wrong = lines.filter((line) => {
      const pool = new PoolDriver();
      pool.say(line, line);
      return pool.shares.length > 0 || !pool.sent.every((reply) => isJson(reply));
    });
    expect(wrong).toEqual([]);
  });
});

describe("HTTP getwork and ten thousand hostile bodies", () => {
  it("gives each one documented answer, logs nobody in and throws nothing", () => {
    const documented = DOCUMENTED["ethProxy"] ?? /^$/;
    const wrong = lines.filter((body) => {
      const pool = new PoolDriver();
      pool.state = loggedInSession(pool.state, "ethProxy", LOGIN);
      pool.feed({ kind: "post", text: body });
      const [answer = ""] = pool.sent;
      const known = (documented.test(answer) && isJson(answer)) || BLOCK.test(answer);
      return pool.sent.length !== 1 || !known || pool.state.waiting !== null;
    });
    expect(wrong).toEqual([]);
  });
});

function entered(dialect: string): PoolDriver {
  const pool = new PoolDriver();
  pool.say(...(ENTRANCES[dialect] ?? []));
  return pool;
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function size(pool: PoolDriver): number {
  return JSON.stringify(pool.state, (_key, member: unknown) => (typeof member === "bigint" ? String(member) : member))
    .length;
}

import { describe, expect, it } from "vitest";
import { job, LOGIN, PoolDriver, snapshot, START_MS, TARGET } from "./pool-driver.ts";

const HEADER = job("a").header;
const SEED = job("a").seed;
const WORK = `["${HEADER}","${SEED}","${TARGET}"]`;
const MIX = `0x${"e".repeat(64)}`;
const NONCE = "0x0123456789abcdef";
const LOGIN_LINE = `{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["${LOGIN}"]}`;
const GRANTED = ['{"id":1,"jsonrpc":"2.0","result":true}', `{"id":0,"jsonrpc":"2.0","result":${WORK}}`];

function submit(id: string | number, nonce = NONCE, header = HEADER, mix = MIX, more = ""): string {
  return `{"id":${id},"jsonrpc":"2.0","method":"eth_submitWork","params":["${nonce}","${header}","${mix}"]${more}}`;
}

function error(id: string | number, code: number, message: string): string {
  return `{"id":${id},"jsonrpc":"2.0","result":null,"error":{"code":${code},"message":"${message}"}}`;
}

function loggedIn(context = {}): PoolDriver {
  const pool = new PoolDriver(context);
  pool.say(LOGIN_LINE);
  return pool;
}

describe("eth-proxy: what is granted", () => {
  it("grants a login and pushes the job at once, byte for byte", () => {
    expect(new PoolDriver().say(LOGIN_LINE)).toEqual(GRANTED);
  });

  it("answers eth_getWork with header, seed and a share target of 64 digits", () => {
    expect(loggedIn().say('{"id":1,"jsonrpc":"2.0","method":"eth_getWork"}')).toEqual([
      `{"id":1,"jsonrpc":"2.0","result":${WORK}}`,
    ]);
    expect(TARGET).toMatch(/^0x[0-9a-f]{64}$/);
  });

  it("answers eth_getWork before the login too, as the reference does", () => {
    expect(new PoolDriver().say('{"id":7,"method":"eth_getWork","params":[]}')).toEqual([
      `{"id":7,"jsonrpc":"2.0","result":${WORK}}`,
    ]);
  });

  it("answers true to an accepted share and hands it to the verifier lowered", () => {
    const pool = loggedIn();
    const line = submit(1, "0x0123456789ABCDEF", HEADER.toUpperCase().replace("0X", "0x"), MIX.toUpperCase());
    expect(pool.say(line)).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}']);
    expect(pool.shares).toEqual([
      {
        login: LOGIN,
        worker: "0",
        nonce: NONCE,
        mixDigest: MIX,
        job: job("a"),
        shareDifficulty: 2_000_000_000n,
        workHeight: 1_000,
      },
    ]);
  });

  for (const [what, nonce, header, mix] of [
    ["nonce", NONCE.slice(2), HEADER, MIX],
    ["header", NONCE, HEADER.slice(2), MIX],
    ["mix digest", NONCE, HEADER, MIX.slice(2)],
    ["anything", NONCE.slice(2).toUpperCase(), HEADER.slice(2).toUpperCase(), MIX.slice(2)],
  ] as const) {
    it(`reads a submit without 0x before its ${what}`, () => {
      const pool = loggedIn();
      expect(pool.say(submit(4, nonce, header, mix))).toEqual(['{"id":4,"jsonrpc":"2.0","result":true}']);
      expect(pool.shares).toMatchObject([{ nonce: NONCE, mixDigest: MIX, job: job("a") }]);
    });
  }

  it("answers true to eth_submitHashrate", () => {
    const line = `{"id":9,"method":"eth_submitHashrate","params":["0x${"0".repeat(26)}1c9c38","0xabc"],"worker":"rig"}`;
    expect(loggedIn().say(line)).toEqual(['{"id":9,"jsonrpc":"2.0","result":true}']);
  });

  it("pushes a new job once, with id 0", () => {
    const pool = loggedIn();
    const next = job("b", 1001);
    expect(pool.work(snapshot(2, [next, job("a")]))).toEqual([
      `{"id":0,"jsonrpc":"2.0","result":["${next.header}","${next.seed}","${TARGET}"]}`,
    ]);
    expect(pool.work(snapshot(3, [next, job("a")]))).toEqual([]);
  });

  it("pushes nothing before the login", () => {
    expect(new PoolDriver().work(snapshot(2, [job("b")]))).toEqual([]);
  });
});

describe("eth-proxy: ids are echoed unchanged", () => {
  for (const id of ["0", "1", '"a-string"', "null", "-3", "1.0", "1e3", "-0", "18446744073709551616", '""']) {
    it(`echoes ${id}`, () => {
      const line = `{"id":${id},"jsonrpc":"2.0","method":"eth_getWork","params":[]}`;
      expect(loggedIn().say(line)).toEqual([`{"id":${id},"jsonrpc":"2.0","result":${WORK}}`]);
    });
  }

  it("echoes the id of the request and not one of its params", () => {
    const line = '{"params":[{"id":2.50}],"id":1.00,"method":"eth_submitHashrate","extra":{"id":3.0}}';
    expect(loggedIn().say(line)).toEqual(['{"id":1.00,"jsonrpc":"2.0","result":true}']);
  });

  it("answers a request without an id with null", () => {
    expect(loggedIn().say('{"method":"eth_getWork"}')).toEqual([`{"id":null,"jsonrpc":"2.0","result":${WORK}}`]);
  });
});

describe("eth-proxy: errors", () => {
  const bad: [string, string][] = [
    ["not an address", '["x"]'],
    ["19 bytes", `["${LOGIN.slice(0, -2)}"]`],
    ["the zero address", `["0x${"0".repeat(40)}"]`],
    ["another login than that of the object", `["0x${"1".repeat(40)}"]`],
  ];
  for (const [what, params] of bad) {
    it(`refuses a login that is ${what} and closes`, () => {
      const pool = new PoolDriver();
      expect(pool.say(`{"id":1,"method":"eth_submitLogin","params":${params}}`)).toEqual([
        error(1, -1, "Invalid login"),
      ]);
      expect(pool.closed).toBe("Invalid login");
      expect(pool.reports).toEqual([]);
    });
  }

  for (const params of ["[]", "[5]", "null", "{}"]) {
    it(`refuses a login with params ${params}, closes and counts it`, () => {
      const pool = new PoolDriver();
      expect(pool.say(`{"id":1,"method":"eth_submitLogin","params":${params}}`)).toEqual([
        error(1, -1, "Invalid params"),
      ]);
      expect([pool.closed, pool.reports]).toEqual(["Invalid params", ["malformed"]]);
    });
  }

  it("refuses a blacklisted login, closes and reports a ban", () => {
    const pool = new PoolDriver();
    pool.blacklist.add(LOGIN);
    expect(pool.say(LOGIN_LINE)).toEqual([error(1, -1, "You are blacklisted")]);
    expect([pool.closed, pool.reports]).toEqual(["You are blacklisted", ["ban"]]);
  });

  it("refuses a submit with a wrong number of params, closes and counts it", () => {
    const pool = loggedIn();
    expect(pool.say('{"id":4,"method":"eth_submitWork","params":["0x00"]}')).toEqual([error(4, -1, "Invalid params")]);
    expect([pool.closed, pool.reports]).toEqual(["Invalid params", ["malformed"]]);
  });

  for (const [what, line] of [
    ["a short nonce", submit(4, "0x0123456789abcde")],
    ["a nonce with 0x twice", submit(4, "0x0x0123456789abcd")],
    ["a short nonce without 0x", submit(4, "0123456789abcd")],
    ["a long header", submit(4, NONCE, `${HEADER}0`)],
    ["a mix that is not hex", submit(4, NONCE, HEADER, `0x${"g".repeat(64)}`)],
  ] as const) {
    it(`refuses a submit with ${what}, closes and counts it`, () => {
      const pool = loggedIn();
      expect(pool.say(line)).toEqual([error(4, -1, "Malformed PoW result")]);
      expect([pool.closed, pool.reports]).toEqual(["Malformed PoW result", ["malformed"]]);
    });
  }

  it("refuses an unknown method, closes and counts it", () => {
    const pool = loggedIn();
    expect(pool.say('{"id":2,"method":"eth_blockNumber"}')).toEqual([error(2, -3, "Method not found")]);
    expect([pool.closed, pool.reports]).toEqual(["Method not found", ["malformed"]]);
  });

  it("refuses an unknown method on the first line without counting it: a miner is trying its dialects", () => {
    const pool = new PoolDriver();
    expect(pool.say('{"id":1,"method":"mining.configure"}')).toEqual([error(1, -3, "Method not found")]);
    expect([pool.closed, pool.reports]).toEqual(["Method not found", []]);
  });

  it("says Work not ready to getWork without a template and stays", () => {
    const pool = loggedIn({ work: null });
    expect(pool.sent).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}']);
    expect(pool.say('{"id":3,"method":"eth_getWork"}')).toEqual([error(3, 0, "Work not ready")]);
    expect(pool.closed).toBeNull();
  });

  it("says Work not ready to a submit before the first template, where the reference crashes", () => {
    const pool = loggedIn({ work: null });
    expect(pool.say(submit(4))).toEqual([error(4, 0, "Work not ready")]);
    expect(pool.closed).toBeNull();
  });

  it("says Work not ready when no node has confirmed the work for too long", () => {
    const pool = loggedIn();
    pool.nowMs = START_MS + 60_001;
    expect(pool.say('{"id":3,"method":"eth_getWork"}')).toEqual([error(3, 0, "Work not ready")]);
  });

  it("says Work not ready when the pool cannot keep the share, and stays", () => {
    const pool = loggedIn();
    pool.verdict = () => ({ kind: "unavailable", reason: "outbox full" });
    expect(pool.say(submit(4))).toEqual([error(4, 0, "Work not ready")]);
    expect(pool.closed).toBeNull();
  });

  it("refuses a duplicate with 22 and stays", () => {
    const pool = loggedIn();
    pool.verdict = () => ({ kind: "duplicate" });
    expect(pool.say(submit(40))).toEqual([error(40, 22, "Duplicate share")]);
    expect([pool.closed, pool.reports]).toEqual([null, []]);
  });

  it("answers false to an invalid share and stays", () => {
    const pool = loggedIn();
    pool.verdict = () => ({ kind: "invalid" });
    expect(pool.say(submit(4))).toEqual(['{"id":4,"jsonrpc":"2.0","result":false}']);
    expect(pool.closed).toBeNull();
  });

  it("refuses an invalid share with 23 at the limit and closes", () => {
    const pool = loggedIn();
    pool.verdict = () => ({ kind: "invalid" });
    pool.refused = true;
    expect(pool.say(submit(4))).toEqual([error(4, 23, "Invalid share")]);
    expect([pool.closed, pool.reports]).toEqual(["Invalid share", []]);
  });

  it("refuses a valid share at the limit with -1 and closes", () => {
    const pool = loggedIn();
    pool.refused = true;
    expect(pool.say(submit(4))).toEqual([error(4, -1, "High rate of invalid shares")]);
    expect([pool.closed, pool.reports]).toEqual(["High rate of invalid shares", []]);
  });

  it("answers false to a share whose job has left the backlog, never verifies it and never counts it as invalid", () => {
    const pool = loggedIn();
    expect(pool.say(submit(4, NONCE, job("c").header))).toEqual(['{"id":4,"jsonrpc":"2.0","result":false}']);
    expect([pool.closed, pool.shares, pool.reports]).toEqual([null, [], []]);
  });

  it("takes a share for an older job of the backlog", () => {
    const pool = loggedIn();
    pool.work(snapshot(2, [job("b", 1001), job("a")]));
    expect(pool.say(submit(4))).toEqual(['{"id":4,"jsonrpc":"2.0","result":true}']);
    expect(pool.shares[0]?.job).toEqual(job("a"));
  });

  it("refuses a submit before the login with 25 and closes", () => {
    const pool = new PoolDriver();
    expect(pool.say(submit(4))).toEqual([error(4, 25, "Not subscribed")]);
    expect(pool.closed).toBe("Not subscribed");
  });

  for (const line of ["{", "[]", "5", '"x"', "null", '{"id":{},"method":"eth_getWork"}', '{"id":1,"method":5}']) {
    it(`closes on the malformed line ${line} and counts it`, () => {
      const pool = loggedIn();
      expect(pool.say(line)).toEqual([error("null", -1, "Malformed request")]);
      expect([pool.closed, pool.reports]).toEqual(["Malformed request", ["malformed"]]);
    });
  }

  it("closes on a line over 1,024 bytes and reports a ban", () => {
    const pool = loggedIn();
    expect(pool.say("x".repeat(1025))).toEqual([]);
    expect([pool.closed, pool.reports]).toEqual(["Line too long", ["ban"]]);
  });

  it("takes a line of 1,024 bytes", () => {
    const line = '{"id":3,"method":"eth_getWork","params":["';
    const padded = `${line}${"x".repeat(1024 - line.length - 3)}"]}`;
    expect(loggedIn().say(padded)).toEqual([`{"id":3,"jsonrpc":"2.0","result":${WORK}}`]);
  });

  it("answers nothing any more once it has closed", () => {
    const pool = loggedIn();
    pool.say("{");
    expect(pool.say('{"id":3,"method":"eth_getWork"}', LOGIN_LINE)).toEqual([]);
    expect(pool.work(snapshot(2, [job("b")]))).toEqual([]);
  });

  it("ignores empty lines and a peer's own responses", () => {
    const pool = loggedIn();
    expect(pool.say("", "  ", '{"id":0,"jsonrpc":"2.0","result":true}', '{"id":0,"error":"Method not found"}')).toEqual(
      [],
    );
    expect(pool.closed).toBeNull();
  });
});

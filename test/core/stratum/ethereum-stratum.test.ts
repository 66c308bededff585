import { describe, expect, it } from "vitest";
import { DIFFICULTY, job, LOGIN, PoolDriver, SESSION_ID, snapshot, TARGET } from "./pool-driver.ts";

const JOB = "a".repeat(16);
const [HEADER, SEED] = ["a".repeat(64), "5".repeat(64)];
/** 2,000,000,000 / 4,295,032,833. */
const SCALED = "0.4656541818803833";

const es1Submit = (tail: string, jobName = JOB) =>
  `{"id":4,"method":"mining.submit","params":["${LOGIN}.rig","${jobName}","${tail}"]}`;
const resume = (session: string) =>
  `{"id":1,"method":"mining.subscribe","params":["bridge","EthereumStratum/1.0.0",${JSON.stringify(session)}]}`;
const es2Submit = (jobName: string, tail: string, token: string) =>
  `{"id":40,"method":"mining.submit","params":["${jobName}","${tail}","${token}"]}`;

/** The miner says nothing for a while. @returns what the pool wrote */
function silence(pool: PoolDriver): string[] {
  const from = pool.sent.length;
  pool.feed({ kind: "silence" });
  return pool.sent.slice(from);
}

describe("EthereumStratum/1.0.0 (NiceHash)", () => {
  const SUBSCRIBE = '{"id":1,"method":"mining.subscribe","params":["ethminer/0.19","EthereumStratum/1.0.0"]}';
  const AUTHORIZE = `{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig","x"]}`;

  const ready = (context = {}) => {
    const pool = new PoolDriver(context);
    pool.say(SUBSCRIBE, AUTHORIZE);
    return pool;
  };

  it("speaks the transcript of docs/protocol.md, section 4", () => {
    const pool = new PoolDriver();
    expect(pool.say(SUBSCRIBE)).toEqual([
      `{"id":1,"result":[["mining.notify","${SESSION_ID}","EthereumStratum/1.0.0"],"080c01"],"error":null}`,
    ]);
    expect(pool.say('{"id":2,"method":"mining.extranonce.subscribe","params":[]}')).toEqual([
      '{"id":2,"result":true,"error":null}',
    ]);
    expect(pool.say(AUTHORIZE)).toEqual([
      '{"id":3,"result":true,"error":null}',
      `{"id":null,"method":"mining.set_difficulty","params":[${SCALED}]}`,
      `{"id":null,"method":"mining.notify","params":["${JOB}","${SEED}","${HEADER}",true]}`,
    ]);
    expect(pool.say(es1Submit("23456789ab"))).toEqual(['{"id":4,"result":true,"error":null}']);
    expect(pool.shares).toEqual([
      {
        login: LOGIN,
        worker: "rig",
        nonce: "0x080c0123456789ab",
        mixDigest: null,
        job: job("a"),
        shareDifficulty: DIFFICULTY,
        workHeight: 1_000,
      },
    ]);
  });

  const SILENT_LINES = [
    `{"id":null,"method":"mining.set_difficulty","params":[${SCALED}]}`,
    `{"id":null,"method":"mining.notify","params":["${JOB}","${SEED}","${HEADER}",true]}`,
  ];

  it("gives a job to who subscribes and is silent, as BzMiner waits for one before it authorizes; the login gives all of it again", () => {
    const pool = new PoolDriver();
    expect(silence(pool)).toEqual([]);
    pool.say(SUBSCRIBE, '{"id":2,"method":"mining.extranonce.subscribe","params":[]}');
    expect(silence(pool)).toEqual(SILENT_LINES);
    expect([silence(pool), pool.work(snapshot(2, [job("a")]))]).toEqual([[], []]);
    expect(pool.say(es1Submit("23456789ab"))).toEqual(['{"id":4,"result":null,"error":[25,"Not subscribed",null]}']);
    expect(pool.shares).toEqual([]);
    expect(pool.say(AUTHORIZE)).toEqual(['{"id":3,"result":true,"error":null}', ...SILENT_LINES]);
    expect(pool.say(es1Submit("23456789ab"))).toEqual(['{"id":4,"result":true,"error":null}']);
    expect(silence(pool)).toEqual([]);
  });

  it("gives no job to a silent peer in other dialects, after the login, or where there is none", () => {
    for (const line of [
      '{"id":1,"method":"mining.subscribe","params":[]}',
      '{"id":1,"method":"mining.hello","params":{"proto":"EthereumStratum/2.0.0"}}',
      '{"id":1,"method":"eth_submitHashrate"}',
    ]) {
      const pool = new PoolDriver();
      pool.say(line, '{"id":2,"method":"mining.subscribe"}');
      expect(silence(pool)).toEqual([]);
    }
    const idle = new PoolDriver({ work: null });
    idle.say(SUBSCRIBE);
    expect(silence(idle)).toEqual([]);
    expect(silence(ready())).toEqual([]);
  });

  it("lets a session that lost its connection come back under its id, and refuses every other text as an id", () => {
    // Its last digits are the extranonce that it searches.
    const id = "11111111-5f7c-4c59-9d1e-012345ab12cd";
    const pool = new PoolDriver();
    expect(pool.say(resume(id))).toEqual([
      `{"id":1,"result":[["mining.notify","${id}","EthereumStratum/1.0.0"],"ab12cd"],"error":null}`,
    ]);
    expect(new PoolDriver().say(resume(`${id}","x":"y`))).toEqual([
      `{"id":1,"result":[["mining.notify","${SESSION_ID}","EthereumStratum/1.0.0"],"080c01"],"error":null}`,
    ]);
  });

  it("sends the difficulty again only when it changes", () => {
    const pool = ready();
    expect(pool.work(snapshot(2, [job("b"), job("a")]))).toEqual([
      `{"id":null,"method":"mining.notify","params":["${"b".repeat(16)}","${SEED}","${"b".repeat(64)}",true]}`,
    ]);
  });

  it("takes a whole nonce that begins with the extranonce, and one with 0x", () => {
    const pool = ready();
    pool.say(es1Submit("080c0123456789ab"), es1Submit("0x23456789AB"));
    expect(pool.shares.map(({ nonce }) => nonce)).toEqual(["0x080c0123456789ab", "0x080c0123456789ab"]);
  });

  it("takes eth_submitHashrate, which ethminer sends in this dialect too", () => {
    expect(ready().say('{"id":9,"jsonrpc":"2.0","method":"eth_submitHashrate","params":["0x1","0x2"]}')).toEqual([
      '{"id":9,"result":true,"error":null}',
    ]);
  });

  const errors: [what: string, line: string, reply: string][] = [
    [
      "a nonce outside the extranonce",
      es1Submit("ffffff23456789ab"),
      '{"id":4,"result":null,"error":[20,"Nonce does not begin with the extranonce",null]}',
    ],
    ["a short nonce", es1Submit("2345"), '{"id":4,"result":null,"error":[20,"Malformed PoW result",null]}'],
    [
      "an unknown job",
      es1Submit("23456789ab", "c".repeat(16)),
      '{"id":4,"result":null,"error":[21,"Job not found",null]}',
    ],
    [
      "too few params",
      '{"id":4,"method":"mining.submit","params":["x"]}',
      '{"id":4,"result":null,"error":[20,"Invalid params",null]}',
    ],
    [
      "an unknown method",
      '{"id":5,"method":"mining.nothing"}',
      '{"id":5,"result":null,"error":[20,"Method not found",null]}',
    ],
    [
      "a wrong login",
      '{"id":3,"method":"mining.authorize","params":["x"]}',
      '{"id":3,"result":null,"error":[24,"Invalid login",null]}',
    ],
  ];
  for (const [what, line, reply] of errors) {
    it(`answers ${what} with an error array and stays connected`, () => {
      const pool = ready();
      expect([pool.say(line), pool.closed]).toEqual([[reply], null]);
    });
  }

  it("answers duplicate, invalid and unavailable shares, each with its code", () => {
    const pool = ready();
    const said = (["duplicate", "invalid"] as const).map((kind) => {
      pool.verdict = () => ({ kind });
      return pool.say(es1Submit("23456789ab"))[0];
    });
    pool.verdict = () => ({ kind: "unavailable", reason: "" });
    expect([...said, ...pool.say(es1Submit("23456789ab"))]).toEqual([
      '{"id":4,"result":null,"error":[22,"Duplicate share",null]}',
      '{"id":4,"result":null,"error":[23,"Invalid share",null]}',
      '{"id":4,"result":null,"error":[20,"Work not ready",null]}',
    ]);
    expect(pool.closed).toBeNull();
  });

  it("refuses a submit before authorize", () => {
    const pool = new PoolDriver();
    pool.say(SUBSCRIBE);
    expect(pool.say(es1Submit("23456789ab"))).toEqual(['{"id":4,"result":null,"error":[25,"Not subscribed",null]}']);
  });

  it("closes when no extranonce can be had, for two miners must not search the same nonces", () => {
    const pool = new PoolDriver();
    pool.extranonces = () => null;
    expect(pool.say(SUBSCRIBE)).toEqual(['{"id":1,"result":null,"error":[20,"Work not ready",null]}']);
    expect(pool.closed).toBe("No extranonce");
  });

  it("closes a peer that sends nothing but errors, and not one that errs now and then", () => {
    const [storming, clumsy] = [ready(), ready()];
    for (let error = 0; error < 31; error++) storming.say('{"id":5,"method":"mining.nothing"}');
    expect(storming.closed).toBeNull();
    expect(storming.say('{"id":5,"method":"mining.nothing"}')).toHaveLength(1);
    expect(storming.closed).toBe("Too many errors");
    for (let error = 0; error < 100; error++) {
      clumsy.nowMs += 2_000;
      clumsy.say('{"id":5,"method":"mining.nothing"}');
    }
    expect(clumsy.closed).toBeNull();
  });

  it("gives the same extranonce to a second subscribe", () => {
    const pool = new PoolDriver();
    const [first] = pool.say(SUBSCRIBE);
    pool.extranonces = () => "ffffff";
    expect(pool.say(SUBSCRIBE)).toEqual([first]);
  });
});

describe("EthereumStratum/2.0.0 (EIP-1571)", () => {
  const HELLO =
    '{"id":0,"method":"mining.hello","params":{"agent":"ethminer-0.19","host":"pool.example","port":"1f48","proto":"EthereumStratum/2.0.0"}}';
  const ready = () => {
    const pool = new PoolDriver();
    pool.say(
      HELLO,
      '{"id":2,"method":"mining.subscribe"}',
      `{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig-7","x"]}`,
    );
    return pool;
  };

  it("speaks the whole flow: hello, subscribe, authorize, set before notify, submit", () => {
    const pool = new PoolDriver();
    expect(pool.say(HELLO)).toEqual([
      '{"id":0,"result":{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"0","timeout":"78","maxerrors":"20","node":"edgepool"}}',
    ]);
    expect(pool.say('{"id":2,"method":"mining.subscribe"}')).toEqual([`{"id":2,"result":"s-${SESSION_ID}"}`]);
    expect(pool.say(`{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig-7","x"]}`)).toEqual([
      '{"id":3,"result":"rig-7"}',
      `{"method":"mining.set","params":{"epoch":"0","target":"${TARGET.slice(2)}","algo":"ethash","extranonce":"080c01"}}`,
      `{"method":"mining.notify","params":["${JOB}","3e8","${HEADER}","0"]}`,
    ]);
    expect(pool.say(es2Submit(JOB, "23456789ab", "rig-7"))).toEqual(['{"id":40}']);
    expect(pool.shares).toEqual([
      {
        login: LOGIN,
        worker: "rig-7",
        nonce: "0x080c0123456789ab",
        mixDigest: null,
        job: job("a"),
        shareDifficulty: DIFFICULTY,
        workHeight: 1_000,
      },
    ]);
    expect(
      pool.say('{"id":16,"method":"mining.hashrate","params":["500000","rig-7"]}', '{"id":50,"method":"mining.noop"}'),
    ).toEqual(['{"id":16}', '{"id":50}']);
  });

  it("sets only what has changed: the epoch at its boundary, before the job", () => {
    const pool = ready();
    expect(pool.work(snapshot(2, [job("b", 30_000)]))).toEqual([
      '{"method":"mining.set","params":{"epoch":"1"}}',
      `{"method":"mining.notify","params":["${"b".repeat(16)}","7530","${"b".repeat(64)}","0"]}`,
    ]);
    expect(pool.work(snapshot(3, [job("c", 30_001)]))).toEqual([
      `{"method":"mining.notify","params":["${"c".repeat(16)}","7531","${"c".repeat(64)}","0"]}`,
    ]);
  });

  it("refuses a version that it does not speak, without counting it", () => {
    const pool = new PoolDriver();
    const line = '{"id":0,"method":"mining.hello","params":{"proto":"EthereumStratum/3.0.0"}}';
    expect(pool.say(line)).toEqual(['{"id":0,"error":{"code":400,"message":"Bad protocol request"}}']);
    expect([pool.closed, pool.reports]).toEqual(["Bad protocol request", []]);
  });

  it("answers errors with EIP-1571's classes of codes", () => {
    const pool = ready();
    pool.verdict = () => ({ kind: "invalid" });
    expect(pool.say(es2Submit(JOB, "23456789ab", "rig-7"), es2Submit("0".repeat(16), "23456789ab", "rig-7"))).toEqual([
      '{"id":40,"error":{"code":406,"message":"Invalid share"}}',
      '{"id":40,"error":{"code":404,"message":"Job not found"}}',
    ]);
    expect(pool.say(es2Submit(JOB, "ffffff23456789ab", "rig-7"), es2Submit(JOB, "23", "rig-7"))).toEqual([
      '{"id":40,"error":{"code":400,"message":"Nonce does not begin with the extranonce"}}',
      '{"id":40,"error":{"code":400,"message":"Malformed PoW result"}}',
    ]);
    expect(pool.say('{"id":41,"method":"mining.submit","params":[]}')).toEqual([
      '{"id":41,"error":{"code":400,"message":"Invalid params"}}',
    ]);
    expect(pool.closed).toBeNull();
  });

  it("refuses an authorize before subscribe, for there is no extranonce yet", () => {
    const pool = new PoolDriver();
    expect(pool.say(HELLO, `{"id":3,"method":"mining.authorize","params":["${LOGIN}","x"]}`)[1]).toBe(
      '{"id":3,"error":{"code":302,"message":"Not subscribed"}}',
    );
  });

  it("lets a peer say goodbye", () => {
    const pool = ready();
    expect(pool.say('{"method":"mining.bye"}')).toEqual([]);
    expect(pool.closed).toBe("Bye");
  });
});

describe("a dialect that changes before the login", () => {
  const [NICEHASH, PLAIN] = [
    '{"id":1,"method":"mining.subscribe","params":["lolMiner","EthereumStratum/1.0.0"]}',
    '{"id":1,"method":"mining.subscribe","params":[]}',
  ];
  const SUBMIT_LOGIN = `{"id":2,"method":"eth_submitLogin","params":["${LOGIN}.rig","x"]}`;
  const PUSHED = `{"id":0,"jsonrpc":"2.0","result":["0x${HEADER}","0x${SEED}","${TARGET}"]}`;

  for (const [what, first] of [
    ["plain subscription", PLAIN],
    ["subscription of EthereumStratum/1", NICEHASH],
  ] as const) {
    it(`is eth-proxy once eth_submitLogin follows a ${what}, as lolMiner has it, and counts nothing`, () => {
      const pool = new PoolDriver();
      pool.say(first);
      expect(pool.say(SUBMIT_LOGIN)).toEqual(['{"id":2,"jsonrpc":"2.0","result":true}', PUSHED]);
      const nonce = "0xffffff0123456789";
      expect(
        pool.say(`{"id":4,"method":"eth_submitWork","params":["${nonce}","0x${HEADER}","0x${"e".repeat(64)}"]}`),
      ).toEqual(['{"id":4,"jsonrpc":"2.0","result":true}']);
      expect(pool.shares).toMatchObject([{ nonce, worker: "rig", shareDifficulty: DIFFICULTY }]);
      expect([pool.reports, pool.closed]).toEqual([[], null]);
    });
  }

  it("is EthereumStratum/1 when its subscription follows another, or a question for work", () => {
    for (const first of [PLAIN, '{"id":0,"method":"eth_getWork"}']) {
      const pool = new PoolDriver();
      pool.say(first);
      expect(pool.say(NICEHASH)[0]).toBe(
        `{"id":1,"result":[["mining.notify","${SESSION_ID}","EthereumStratum/1.0.0"],"080c01"],"error":null}`,
      );
    }
  });

  it("is another no more after the login", () => {
    const pool = new PoolDriver();
    pool.say(PLAIN, SUBMIT_LOGIN);
    expect(pool.say(NICEHASH)).toEqual([
      '{"id":1,"jsonrpc":"2.0","result":null,"error":{"code":-3,"message":"Method not found"}}',
    ]);
    expect([pool.closed, pool.reports]).toEqual(["Method not found", ["malformed"]]);
  });
});

describe("plain stratum", () => {
  const [NONCE, MIX] = ["0x0123456789abcdef", `0x${"e".repeat(64)}`];

  it("speaks ethminer's stratum mode: subscribe, authorize, notify with header first, submit with mix", () => {
    const pool = new PoolDriver();
    expect(pool.say('{"id":1,"jsonrpc":"2.0","method":"mining.subscribe","params":[]}')).toEqual([
      '{"id":1,"result":[["mining.notify","0b7a1f0e-5f7c-4c59-9d1e-0123456789ab"],""],"error":null}',
    ]);
    expect(pool.say(`{"id":3,"jsonrpc":"2.0","method":"mining.authorize","params":["${LOGIN}.Rig-1","x"]}`)).toEqual([
      '{"id":3,"result":true,"error":null}',
      `{"id":null,"method":"mining.notify","params":["${JOB}","0x${HEADER}","0x${SEED}","${TARGET}",true]}`,
    ]);
    const submit = `{"id":40,"jsonrpc":"2.0","method":"mining.submit","params":["${LOGIN}.Rig-1","${JOB}","${NONCE}","0x${HEADER}","${MIX}"]}`;
    expect(pool.say(submit)).toEqual(['{"id":40,"result":true,"error":null}']);
    expect(pool.shares[0]).toMatchObject({ worker: "Rig-1", nonce: NONCE, mixDigest: MIX, job: job("a") });
  });

  it("reads nonce, header and mix digest with 0x or without", () => {
    const pool = new PoolDriver();
    pool.say(`{"id":3,"method":"mining.authorize","params":["${LOGIN}","x"]}`);
    const submit = `{"id":40,"method":"mining.submit","params":["${LOGIN}","${JOB}","${NONCE.slice(2)}","${HEADER}","${MIX.slice(2)}"]}`;
    expect(pool.say(submit)).toEqual(['{"id":40,"result":true,"error":null}']);
    expect(pool.shares[0]).toMatchObject({ nonce: NONCE, mixDigest: MIX, job: job("a") });
  });

  it("takes authorize as the first line", () => {
    const pool = new PoolDriver();
    expect(pool.say(`{"id":3,"method":"mining.authorize","params":["${LOGIN}","x"]}`)[0]).toBe(
      '{"id":3,"result":true,"error":null}',
    );
  });
});

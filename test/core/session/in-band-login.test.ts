import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GuardEvent } from "../../../core/policy/guard.ts";
import type { Opening } from "../../../core/policy/guard.ts";
import {
  type BegunSession,
  carriedRecord,
  type ConnectionRecord,
  readCarried,
} from "../../../core/session/connection-record.ts";
import { type Agreed, InBandLogin, type InBandPeer } from "../../../core/session/in-band-login.ts";
import type { Onward } from "../../../core/session/peer.ts";
import { SubmissionTimes } from "../../../core/session/submission-times.ts";
import { SharedExtranonces } from "../../../core/session/shared-extranonces.ts";
import { sessionName } from "../../../core/stratum/extranonce.ts";
import { frameBytes } from "../../../core/stratum/line-splitter.ts";
import { INPUT_BOUNDS } from "../../../core/session/input-bounds.ts";
import { ROOM } from "../../../core/session/isolate-room.ts";
import { settled } from "../../support/virtual-clock.ts";
import {
  CONFIG,
  FakePeer,
  GET_WORK,
  GRANTED,
  IP,
  job,
  LOGIN,
  LOGIN_LINE,
  NOT_READY,
  SessionRig,
  submit,
} from "./session-rig.ts";

const ID = "00000000-0000-4000-8000-00000000000a";
/** The same session once it has the first extranonce that is shared: the one before is nobody's. */
const BEGUN_ID = "00000000-0000-4000-8000-000000800001";
const SUBSCRIBE = '{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}';
const AUTHORIZE = `{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig","x"]}`;
const OLD = "11111111-0000-4000-8000-000000800000";
const resume = (id: string) => SUBSCRIBE.replace('1.0.0"', `1.0.0","${id}"`);
/** The extranonce in the answer to a subscribe. */
const given = (line = "") => /\],"([0-9a-f]{6})"/.exec(line)?.[1];
const encode = (text: string) => new TextEncoder().encode(text);

/** A peer on `/stratum` and what was handed on to the login's object. */
class InBandRig extends SessionRig {
  readonly peer = new FakePeer();
  readonly handed: { owner: string; begun: BegunSession | null; bytes: number[] }[] = [];
  /** What a session of a login had become when it was handed on. */
  readonly moved: ConnectionRecord[] = [];
  readonly admissions: Opening[] = [];
  known = true;
  /** Runs before the object takes the connection. */
  connecting: () => Promise<void> = async () => undefined;
  /** Runs before the answer of the lender is there. */
  lending: () => Promise<void> = async () => undefined;
  /** Runs before the template's answer is there. */
  working: () => Promise<void> = async () => undefined;
  asked = 0;
  readonly login: InBandLogin;
  readonly extranonces: SharedExtranonces;

  /** @param before another connection of the same Worker */
  constructor(from: InBandPeer = { ip: IP, owner: null, worker: "" }, before: InBandRig | null = null) {
    super();
    this.lender = before?.lender ?? this.lender;
    this.extranonces = before?.extranonces ?? new SharedExtranonces("an isolate", this.clock);
    const { lender, guard: prompt, ...others } = this.ports();
    const guard: typeof prompt = {
      ...prompt,
      admit: async (ip, login, opening) => {
        this.admissions.push(opening);
        return await prompt.admit(ip, login, opening);
      },
      report: async (...event) => {
        await settled();
        return await prompt.report(...event);
      },
    };
    const connect = async (owner: string, { begun, record }: Agreed): Promise<Onward> => {
      await this.connecting();
      if (record) this.moved.push(readCarried(carriedRecord(record)));
      const entry = { owner, begun, bytes: [] as number[] };
      this.handed.push(entry);
      return (frame) => void entry.bytes.push(...frameBytes(frame));
    };
    const work = async () => {
      this.asked++;
      await this.working();
      return this.work;
    };
    const slowLender: typeof lender = {
      ...lender,
      lend: async (...wanted) => {
        const blocks = await lender.lend(...wanted);
        await this.lending();
        return blocks;
      },
    };
    const isKnown = async () => this.known;
    const { extranonces } = this;
    const ports = {
      ...others,
      guard,
      lender: slowLender,
      extranonces,
      times: new SubmissionTimes(),
      work,
      isKnown,
      connect,
      renamed: () => undefined,
    };
    this.login = new InBandLogin(CONFIG, ports, this.peer, from, ID);
  }

  /** Each by itself: what is looked after every second begins anew with each. */
  async seconds(count: number): Promise<void> {
    for (let second = 0; second < count; second++) {
      await this.clock.pass(1_000);
      await settled();
    }
  }

  async says(...lines: string[]): Promise<string[]> {
    await this.login.receive(lines.map((line) => `${line}\n`).join(""));
    await settled();
    return this.peer.read();
  }
}

/** Whose login the pool has never credited. */
function stranger(): InBandRig {
  const rig = new InBandRig();
  rig.known = false;
  return rig;
}

describe("a login in band", () => {
  it("goes on with all that follows it, byte for byte, however the stream is cut, and nothing of it is answered here", async () => {
    const before = encode(`\r\n${SUBSCRIBE}\r\n\n`);
    const after = encode(`${AUTHORIZE}\r\n\n{"id":"ä"\r\n${"x".repeat(2_000)}\n{"unended`);
    const whole = new Uint8Array([...before, ...after, 0xff, 0xc3]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: whole.length }), { maxLength: 12 }), async (places) => {
        const rig = new InBandRig();
        const ends = [...places, whole.length].toSorted((a, b) => a - b);
        for (const [at, end] of ends.entries()) await rig.login.receive(whole.slice(ends[at - 1] ?? 0, end));
        expect(rig.handed).toEqual([
          {
            owner: LOGIN,
            begun: { id: BEGUN_ID, dialect: "es1", extranonce: "800001", canMove: false },
            bytes: [...whole.subarray(before.length)],
          },
        ]);
        expect(rig.peer.lines).toHaveLength(1);
      }),
      { seed: 20261126, numRuns: 100 },
    );
  });

  it("that comes first takes nothing along, and asks for no work", async () => {
    const rig = new InBandRig();
    expect(await rig.says(LOGIN_LINE, GET_WORK)).toEqual([]);
    expect(rig.handed).toEqual([{ owner: LOGIN, begun: null, bytes: [...encode(`${LOGIN_LINE}\n${GET_WORK}\n`)] }]);
    expect(rig.asked).toBe(0);
    await rig.clock.pass(60_000);
    expect(rig.peer.closed).toBeNull();
  });

  it("lets what comes while the object is being reached wait its turn", async () => {
    const rig = new InBandRig();
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.connecting = () => promise;
    const received = [LOGIN_LINE, GET_WORK, submit(6)].map((line) => rig.login.receive(encode(`${line}\n`)));
    await settled();
    expect(rig.handed).toEqual([]);
    resolve();
    await Promise.all(received);
    expect(rig.handed.map(({ bytes }) => bytes)).toEqual([
      [...encode([LOGIN_LINE, GET_WORK, submit(6), ""].join("\n"))],
    ]);
  });

  it("may come after a getWork, which is answered with the work of now or with none", async () => {
    const rig = new InBandRig();
    rig.work = null;
    expect(await rig.says(GET_WORK)).toEqual([NOT_READY(5)]);
    rig.work = rig.snapshot(1, [job("c")]);
    expect(await rig.says(GET_WORK)).toEqual([expect.stringContaining(job("c").header)]);
  });

  it("to a URL of another login is refused here, and its own goes on", async () => {
    const owner = `0x${"1".repeat(40)}`;
    const [wrong, right] = [
      new InBandRig({ ip: IP, owner, worker: "" }),
      new InBandRig({ ip: IP, owner: LOGIN, worker: "" }),
    ];
    expect(await wrong.says(LOGIN_LINE)).toEqual([
      '{"id":1,"jsonrpc":"2.0","result":null,"error":{"code":-1,"message":"Invalid login"}}',
    ]);
    expect(wrong.handed).toEqual([]);
    await right.says(LOGIN_LINE);
    expect(right.handed.map((handed) => handed.owner)).toEqual([LOGIN]);
  });

  it("that names no address is refused here, as the object would", async () => {
    const rig = new InBandRig();
    expect(await rig.says('{"id":1,"method":"eth_submitLogin","params":["x"]}', LOGIN_LINE)).toEqual([
      '{"id":1,"jsonrpc":"2.0","result":null,"error":{"code":-1,"message":"Invalid login"}}',
    ]);
    expect(rig.peer.closed).toEqual({ code: 1008, reason: "Invalid login" });
    expect(rig.handed).toEqual([]);
  });

  it("is waited for ten seconds, whatever else is said", async () => {
    const rig = new InBandRig();
    await rig.clock.pass(9_999);
    await rig.says(GET_WORK);
    expect(rig.peer.closed).toBeNull();
    await rig.clock.pass(1);
    expect(rig.peer.closed).toEqual({ code: 1008, reason: "No login" });
    await rig.says(LOGIN_LINE);
    expect(rig.handed).toEqual([]);
  });

  it("is waited for no longer by who waits for a job first, and gets one after two seconds of silence", async () => {
    const rig = new InBandRig();
    rig.work = null;
    await rig.says(SUBSCRIBE, '{"id":2,"method":"mining.extranonce.subscribe","params":[]}');
    await rig.clock.pass(3_000);
    expect(rig.peer.read()).toEqual([]);
    rig.work = rig.snapshot(1, [job("c")]);
    await rig.clock.pass(3_000);
    await settled();
    expect(rig.peer.read()).toEqual([
      expect.stringContaining("mining.set_difficulty"),
      expect.stringContaining(`"mining.notify","params":["${"c".repeat(16)}"`),
    ]);
    await rig.clock.pass(3_000);
    expect([rig.peer.read(), rig.peer.closed]).toEqual([[], null]);
    await rig.clock.pass(1_000);
    expect(rig.peer.closed).toEqual({ code: 1008, reason: "No login" });
  });

  it("that follows at once brings the first job: none is sent before, and nothing behind its object's back", async () => {
    const rig = new InBandRig();
    expect(await rig.says(SUBSCRIBE, AUTHORIZE)).toHaveLength(1);
    await rig.clock.pass(9_000);
    expect(rig.peer.read()).toEqual([]);
    const slow = new InBandRig();
    expect(await slow.says(SUBSCRIBE)).toHaveLength(1);
    await slow.clock.pass(1_900);
    await slow.says(AUTHORIZE);
    await slow.clock.pass(9_000);
    expect(slow.peer.read()).toEqual([]);
  });

  it("that its object does not take, or work that cannot be had, asks the miner to come back", async () => {
    const [refused, blind] = [new InBandRig(), new InBandRig()];
    refused.connecting = () => Promise.reject(new Error("overloaded"));
    await refused.says(LOGIN_LINE, GET_WORK);
    Object.defineProperty(blind, "work", {
      get: () => {
        throw new Error("overloaded");
      },
    });
    await blind.says(GET_WORK);
    for (const { peer, logged } of [refused, blind]) {
      expect(peer.closed).toEqual({ code: 1012, reason: "Please reconnect" });
      expect(logged.join()).toContain("overloaded");
    }
  });

  it("frees nobody of the bounds: what a spliced peer floods goes no further", async () => {
    const rig = new InBandRig();
    await rig.says(LOGIN_LINE);
    const frames = Array.from({ length: 16 }, () => rig.login.receive(new Uint8Array(200_000)));
    await rig.clock.pass(1_000);
    expect(rig.peer.closed).toEqual({ code: 1008, reason: "Too much at once" });
    await rig.clock.pass(60_000);
    await Promise.all(frames);
    expect(rig.handed[0]?.bytes.length).toBeLessThan(1_600_000);
  });

  it("never comes from a peer that sends an endless line: it is reported before the connection is closed", async () => {
    const rig = new InBandRig();
    const order: string[] = [];
    rig.allows = (event: GuardEvent) => order.push(event) > 0;
    rig.peer.close = (_code, reason) => void order.push(reason);
    await rig.login.receive(encode("x".repeat(1_025)));
    expect(order).toEqual(["ban", "Line too long"]);
  });
});

describe("a login that the pool has never credited", () => {
  it("mines without an object until its first valid share, and goes on at one with all that it has become", async () => {
    const rig = stranger();
    rig.verdict = async () => ({ kind: "invalid" });
    const work = expect.stringContaining(job("a").header);
    expect(await rig.says(LOGIN_LINE, GET_WORK)).toEqual([GRANTED(1), work, work]);
    expect(await rig.says(submit(6))).toEqual(['{"id":6,"jsonrpc":"2.0","result":false}']);
    expect([rig.handed, rig.reports]).toEqual([[], [[IP, "invalidShare"]]]);
    rig.verdict = async () => ({ kind: "accepted", block: false });
    const said = rig.says(submit(7, "b"), GET_WORK, '{"unended');
    await rig.clock.pass(1_000);
    expect(await said).toEqual([GRANTED(7)]);
    expect(rig.handed).toEqual([{ owner: LOGIN, begun: null, bytes: [...encode(`${GET_WORK}\n{"unended\n`)] }]);
    expect(rig.moved).toMatchObject([
      {
        owner: LOGIN,
        ip: IP,
        proven: true,
        state: { login: LOGIN, worker: "rig", dialect: "ethProxy", waiting: null },
      },
    ]);
    expect(rig.admissions).toEqual(["login"]);
    await rig.says(GET_WORK);
    expect(rig.handed[0]?.bytes.length).toBe(GET_WORK.length * 2 + 12);
  });

  it("keeps what its first share had told it when it goes on", async () => {
    const rig = stranger();
    await rig.says(SUBSCRIBE, AUTHORIZE);
    const [header] = [job("a").header.slice(2, 18)];
    await rig.says(`{"id":4,"method":"mining.submit","params":["${LOGIN}","${header}","0123456789"]}`);
    const [record] = rig.moved;
    expect(record?.state).toMatchObject({ id: BEGUN_ID, dialect: "es1", extranonce: "800001" });
    expect(record?.tally?.workers).toMatchObject([["rig", 1, 0, 0, 0, 2_000_000_000]]);
    expect(typeof record?.state.told.difficulty).toBe("bigint");
    const sessions = new SessionRig();
    sessions.lender = rig.lender;
    const peer = sessions.connect({ record: record ?? null, begun: null });
    expect(await sessions.say(peer, '{"id":9,"method":"mining.extranonce.subscribe","params":[]}')).toHaveLength(1);
  });

  it("hears of new work within a second, and of none twice", async () => {
    const rig = stranger();
    await rig.says(SUBSCRIBE, AUTHORIZE);
    await rig.seconds(5);
    expect(rig.peer.read()).toEqual([]);
    rig.work = rig.snapshot(2, [job("c"), job("a")]);
    await rig.seconds(1);
    expect(rig.peer.read()).toEqual([expect.stringContaining(`"mining.notify","params":["${"c".repeat(16)}"`)]);
    await rig.seconds(5);
    expect(rig.peer.read()).toEqual([]);
  });

  it("is closed when it is silent, when its login is blacklisted, and within half a minute of a ban", async () => {
    const [silent, listed, banned] = [stranger(), stranger(), stranger()];
    listed.lists = { loaded: true, isBlacklisted: () => true, isSolo: () => false };
    // Who has a job is given the time that a small rig needs for a share.
    silent.work = null;
    for (const rig of [silent, listed, banned]) await rig.says(LOGIN_LINE);
    expect(listed.peer.closed?.code).toBe(1008);
    banned.admits = false;
    await banned.seconds(31);
    expect(banned.peer.closed?.code).toBe(1008);
    await silent.seconds(121);
    expect(silent.peer.closed).toEqual({ code: 1008, reason: "Silent for too long" });
  });

  it("is told nothing by the Worker any more once its object has it, also where new work was just being asked for", async () => {
    const rig = stranger();
    await rig.says(LOGIN_LINE);
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.working = () => promise;
    rig.work = rig.snapshot(2, [job("c"), job("a")]);
    let toldBefore = Infinity;
    rig.connecting = async () => void (toldBefore = rig.peer.lines.length);
    await rig.seconds(1);
    const share = rig.login.receive(encode(`${submit(1)}\n`));
    // Time to be judged, reported and moved.
    for (let turn = 0; turn < 10; turn++) await settled();
    resolve();
    await share;
    await settled();
    expect([rig.moved.length, rig.peer.lines.length]).toEqual([1, toldBefore]);
  });

  it("goes on at an object after half an hour without a share: its rig may be small", async () => {
    const rig = stranger();
    await rig.says(LOGIN_LINE);
    for (let times = 0; times < 19; times++) {
      await rig.seconds(100);
      await rig.says(GET_WORK);
    }
    expect(rig.moved).toHaveLength(1);
    expect(rig.moved[0]?.proven).toBeUndefined();
  });

  it("leaves nothing running when it goes", async () => {
    const rig = stranger();
    await rig.says(SUBSCRIBE, AUTHORIZE);
    await rig.login.gone();
    const { asked } = rig;
    await rig.clock.pass(120_000);
    expect(rig.asked).toBe(asked);
  });

  it("gives back the room of what it has said and nobody has read yet, as nobody will: its Worker ends with it", async () => {
    const rig = stranger();
    const { room } = rig.login;
    await rig.says(SUBSCRIBE, AUTHORIZE);
    // What is waited for never comes.
    void rig.login.receive("\n".repeat(INPUT_BOUNDS.frameLines));
    for (let frame = 0; frame < 100; frame++) void rig.login.receive("x".repeat(8_192));
    await settled();
    const most = Math.floor(ROOM.inputBytes / 5);
    expect(room.setInput({}, most, 0)).toBe(false);
    await rig.login.gone();
    expect(room.setInput({}, most, 0)).toBe(true);
  });
});

/** Another connection of the same Worker. */
const next = (rig: InBandRig) => new InBandRig(undefined, rig);

describe("the extranonce of a peer that leaves before its login", () => {
  it("is kept for the session's return, and is another's two minutes later; nothing durable hears of either", async () => {
    const rig = new InBandRig();
    await rig.says(SUBSCRIBE);
    await rig.login.gone();
    const id = BEGUN_ID;
    expect(given((await next(rig).says(SUBSCRIBE))[0])).toBe("800002");
    expect(given((await next(rig).says(resume(`9${id.slice(1)}`)))[0])).toBe("800003");
    const back = next(rig);
    expect(given((await back.says(resume(id)))[0])).toBe("800001");
    expect(given((await next(rig).says(resume(id)))[0])).toBe("800004");
    await back.login.gone();
    await rig.clock.pass(120_000);
    expect(given((await next(rig).says(SUBSCRIBE))[0])).toBe("800001");
    expect(rig.released).toEqual([]);
    expect(rig.lender?.count()).toBe(1);
    await rig.clock.pass(60_000);
    expect(rig.peer.closed).toEqual({ code: 1008, reason: "Gone" });
  });

  it("is free again also when the peer did not wait for it", async () => {
    const rig = new InBandRig();
    rig.lending = () => rig.login.gone();
    await rig.says(SUBSCRIBE);
    await rig.clock.pass(120_000);
    expect(given((await next(rig).says(SUBSCRIBE))[0])).toBe("800001");
  });

  it("is nobody else's when it is that of a resumed session, or when the login's object has it by now", async () => {
    const [resumed, spliced] = [new InBandRig(), new InBandRig()];
    resumed.lender?.lend(sessionName(OLD), 0, 1);
    expect(await resumed.says(resume(OLD))).toEqual([expect.stringContaining(`"${OLD}","EthereumStratum/1.0.0"]`)]);
    await spliced.says(SUBSCRIBE, AUTHORIZE);
    for (const [rig, fresh] of [
      [resumed, "800021"],
      [spliced, "800002"],
    ] as const) {
      await rig.login.gone();
      await rig.clock.pass(120_000);
      expect(given((await next(rig).says(SUBSCRIBE))[0])).toBe(fresh);
    }
  });

  it("is nobody else's where the peer goes while its login's object takes it, and free again where that does not", async () => {
    for (const isTaken of [true, false]) {
      const rig = new InBandRig();
      expect(given((await rig.says(SUBSCRIBE))[0])).toBe("800001");
      rig.connecting = async () => {
        await rig.login.gone();
        if (!isTaken) throw new Error("away");
      };
      await rig.says(AUTHORIZE);
      expect(rig.extranonces.resume(sessionName(BEGUN_ID), 0x800001) === null).toBe(isTaken);
    }
  });

  it("does not make a stranger's session one that the pool knows: it stays in front of an object", async () => {
    const rig = stranger();
    await rig.says(SUBSCRIBE, AUTHORIZE);
    await rig.login.gone();
    const back = next(rig);
    back.known = false;
    await back.says(resume(BEGUN_ID), AUTHORIZE, GET_WORK);
    expect(back.handed).toEqual([]);
  });
});

describe("the extranonce that a session's id names before the login", () => {
  it("is had again by the session that it was lent to, and by the one that became the login's which has it now", async () => {
    const rig = new InBandRig();
    const [block] = rig.lender?.lend(sessionName(OLD), 0, 1) ?? [];
    expect(given((await rig.says(resume(OLD)))[0])).toBe("800000");
    rig.lender?.transfer(sessionName(OLD), LOGIN, block?.first ?? 0);
    const again = new InBandRig();
    again.lender = rig.lender;
    // Another one of the login's block, after a change of class.
    expect(given((await again.says(resume(`${sessionName(OLD)}80001f`)))[0])).toBe("80001f");
  });

  it("is not had by anybody else, nor by the session once it has become another's: it gets a fresh one", async () => {
    const rig = new InBandRig();
    const [block] = rig.lender?.lend(sessionName(OLD), 0, 1) ?? [];
    expect(given((await rig.says(resume(`22222222${OLD.slice(8)}`)))[0])).toBe("800021");
    for (const junk of ["8000zz", "ffffff", "000000"]) {
      const other = new InBandRig();
      other.lender = rig.lender;
      expect(given((await other.says(resume(`${sessionName(OLD)}${junk}`)))[0])).toMatch(/^8000[2-9a-f]1$/);
    }
    rig.lender?.transfer(sessionName(OLD), LOGIN, block?.first ?? 0);
    rig.lender?.transfer(LOGIN, "another login", block?.first ?? 0);
    const late = new InBandRig();
    late.lender = rig.lender;
    expect(given((await late.says(resume(OLD)))[0])).not.toBe("800000");
  });

  it("is had again where the URL names the login that has it: that one looks itself whether another session has it", async () => {
    const rig = new InBandRig({ ip: IP, owner: LOGIN, worker: "" });
    rig.lender?.lend(LOGIN, 0, 1);
    expect(given((await rig.says(resume(OLD)))[0])).toBe("800000");
    const other = new InBandRig({ ip: IP, owner: `0x${"1".repeat(40)}`, worker: "" });
    other.lender = rig.lender;
    expect(given((await other.says(resume(OLD)))[0])).not.toBe("800000");
  });
});

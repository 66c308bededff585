import { describe, expect, it } from "vitest";
import { ReportedHashrates, withReport, type ReportedRow } from "../../../core/session/reported-hashrates.ts";
import { readHashrate } from "../../../core/stratum/hashrate-claim.ts";
import { GRANTED, LOGIN, SessionRig, submit } from "./session-rig.ts";

const report = (id: number, rate: string, more = "") =>
  `{"id":${id},"method":"eth_submitHashrate","params":["${rate}","0x1"]${more}}`;
const MHS_60 = "0x00000000000000000000000003938700";

describe("a reported hashrate", () => {
  it("is read as ethminer, EIP-1571 and programs that send numbers write it; what is no rate is none", () => {
    for (const [value, rate] of [
      [MHS_60, 60_000_000],
      ["0x1312d00", 20_000_000],
      ["1312D00", 20_000_000],
      [123.6, 124],
      [`0x${"f".repeat(64)}`, null],
      ["0x", null],
      ["fast", null],
      ["0xg", null],
      [-1, null],
      [Number.NaN, null],
      [{}, null],
      [undefined, null],
    ] as const)
      expect(readHashrate(value), JSON.stringify(value)).toBe(rate);
  });

  it("is shown by worker once the connection has had a valid share, and not for who only says so", async () => {
    const rig = new SessionRig();
    const [miner, talker] = [await rig.loggedIn(), await rig.loggedIn({ ip: "192.0.2.9" })];
    expect(await rig.say(miner, report(9, MHS_60))).toEqual([GRANTED(9)]);
    await rig.say(talker, report(9, "0xffffffffffff", ',"worker":"rig"'));
    expect(rig.sessions.figures().reported).toEqual([]);
    await rig.say(miner, submit(1));
    expect(rig.sessions.figures().reported).toEqual([["rig", 60_000_000, rig.clock.nowMs()]]);
  });

  it("survives hibernation, is replaced by the next, and is forgotten after ten minutes and with its connection", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    await rig.say(peer, submit(1), report(2, "0x64"), report(3, "0xc8", ',"worker":"other"'), report(4, "0x65"));
    rig.hibernate();
    expect(rig.sessions.figures().reported.map(([worker, rate]) => [worker, rate])).toEqual([
      ["other", 200],
      ["rig", 101],
    ]);
    await rig.clock.pass(599_999);
    expect(rig.sessions.figures().reported).toHaveLength(2);
    await rig.clock.pass(1);
    expect(rig.sessions.figures().reported).toEqual([]);
    await rig.say(peer, report(5, "0x64"));
    await rig.leave(peer);
    expect(rig.sessions.figures().reported).toEqual([]);
  });

  it("adds up over the connections of rigs that have one name", async () => {
    const rig = new SessionRig();
    for (const id of [1, 2]) {
      const peer = await rig.loggedIn();
      await rig.say(peer, submit(id), report(3, "0x64"));
      await rig.clock.pass(1_000);
    }
    expect(rig.sessions.figures().reported).toEqual([["rig", 200, expect.any(Number)]]);
  });

  it("comes by HTTP getwork as well, from a client that has had a valid share", async () => {
    const rig = new SessionRig();
    const post = (body: string) => rig.sessions.getwork({ login: LOGIN, worker: "g", ip: "192.0.2.7", body });
    await post(report(1, "0x64"));
    expect(rig.sessions.figures().reported).toEqual([]);
    await post(submit(2));
    await post(report(3, "0x65"));
    expect(rig.sessions.figures().reported).toEqual([["g", 101, rig.clock.nowMs()]]);
  });

  it("takes the name of EthereumStratum/2's token", async () => {
    const rig = new SessionRig();
    const peer = rig.connect();
    await rig.say(
      peer,
      '{"id":0,"method":"mining.hello","params":{"agent":"x","proto":"EthereumStratum/2.0.0"}}',
      '{"id":1,"method":"mining.subscribe","params":[]}',
      `{"id":2,"method":"mining.authorize","params":["${LOGIN}.es2rig","x"]}`,
      '{"id":3,"method":"mining.hashrate","params":["500000","es2rig"]}',
    );
    expect(rig.sessions.connection(peer)?.record.reported).toEqual([["es2rig", 0x50_00_00, rig.clock.nowMs()]]);
  });

  it("takes little room, however many workers one connection or getwork has", () => {
    let rows: readonly ReportedRow[] = [];
    const loose = new ReportedHashrates();
    for (let i = 0; i < 1000; i++) {
      rows = withReport(rows, `${i}`.padStart(32, "w"), 1e18, 1_700_000_000_000);
      loose.noteLoose(`w${i}`, 1, 0);
    }
    expect(rows.at(-1)?.[0]).toMatch(/999$/);
    expect(JSON.stringify(rows).length).toBeLessThan(1500);
    expect(loose.sums([], 0)).toHaveLength(256);
  });
});

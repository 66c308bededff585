import { describe, expect, it } from "vitest";
import { GETWORK_CASES, type GetworkCase, WORKER_NAMES } from "../../support/getwork-cases.ts";
import { workerName } from "../../../core/policy/login.ts";
import type { ShareVerdict } from "../../../core/shares/share.ts";
import { targetOf } from "@edgepool/ethash-wasm";
import { classDifficulty, type DifficultyClass, extranoncesOf } from "../../../core/shares/difficulty-classes.ts";
import golden from "../../vectors/getwork.json" with { type: "json" };
import { CONFIG, IP, job, LOGIN, SessionRig, submit } from "./session-rig.ts";
import { settled } from "../../support/virtual-clock.ts";

const VERDICTS: Record<NonNullable<GetworkCase["verdict"]>, ShareVerdict> = {
  accepted: { kind: "accepted", block: false },
  block: { kind: "accepted", block: true },
  duplicate: { kind: "duplicate" },
  invalid: { kind: "invalid" },
  unavailable: { kind: "unavailable", reason: "" },
};

/** Where a class begins, and what its work is told with. */
const prefixOf = (wanted: DifficultyClass) => extranoncesOf(wanted).first.toString(16).padStart(6, "0");
const target = (wanted: DifficultyClass) =>
  `0x${targetOf(classDifficulty(wanted, 2_000_000_000n)).toString(16).padStart(64, "0")}`;

/** Everything that a POST leads to. */
async function outcome({ what, body, suffix = "", worker = "", work, verdict = "accepted", refused }: GetworkCase) {
  const rig = new SessionRig();
  rig.work = work === "none" ? null : rig.snapshot(1, [job("a", 1_001), job("b")]);
  if (work === "old" && rig.work) rig.work = { ...rig.work, confirmedAtMs: rig.clock.nowMs() - 60_001 };
  rig.verdict = async () => VERDICTS[verdict];
  rig.allows = () => refused !== true;
  const answer = await rig.sessions.getwork({ login: LOGIN, worker: workerName(LOGIN, suffix, worker), ip: IP, body });
  await settled();
  const shares = rig.attempts.map(
    ({ share: { login, worker: credited, nonce, mixDigest, job: on, shareDifficulty } }) => ({
      login,
      worker: credited,
      nonce,
      mixDigest,
      job: on.header,
      shareDifficulty: String(shareDifficulty),
    }),
  );
  const counts = rig.sessions.history("1d").workers.flatMap(([name, accepted, duplicate, invalid, stale, credited]) => {
    const verdicts = { accepted, duplicate, invalid, stale };
    return Object.entries(verdicts).flatMap(([kind, n]) => (n === 0 ? [] : [[name, kind, credited]]));
  });
  return { what, answer, shares, reports: rig.reports.map(([, event]) => event), counts };
}

describe("HTTP getwork as a session of one POST", () => {
  for (const [at, posted] of GETWORK_CASES.entries()) {
    it(`answers as it always has: ${posted.what}`, async () => {
      const { counts, ...answered } = await outcome(posted);
      const expected = golden[at];
      expect(answered).toEqual({ ...expected, counts: undefined });
      // Of a client without any valid share nothing else enters the login's history.
      expect(counts).toEqual(expected?.counts.filter(([, kind]) => kind === "accepted"));
    });
  }

  for (const posted of WORKER_NAMES) {
    it(`credits ${posted.credited} for a worker ${posted.what}`, async () => {
      expect((await outcome(posted)).shares.map(({ worker }) => worker)).toEqual([posted.credited]);
    });
  }

  it("refuses a banned client and a blacklisted login, which it reports, and echoes the id", async () => {
    const rig = new SessionRig();
    const post = (body: string) => rig.sessions.getwork({ login: LOGIN, worker: "", ip: IP, body });
    rig.lists.isBlacklisted = () => true;
    expect(await post(submit(7))).toBe(
      '{"id":7,"jsonrpc":"2.0","result":null,"error":{"code":-1,"message":"You are blacklisted"}}',
    );
    expect(rig.reports).toEqual([[IP, "ban"]]);
    rig.admits = false;
    expect(await post("{")).toBe(
      '{"id":null,"jsonrpc":"2.0","result":null,"error":{"code":0,"message":"You are banned"}}',
    );
    expect(rig.attempts).toEqual([]);
  });

  it("gives the pool's difficulty whatever vardiff allows: a POST has no past", async () => {
    const vardiff = {
      targetTimeMs: 1,
      retargetTimeMs: 1,
      variancePercent: 1,
      minDifficulty: 4_000_000_000n,
      maxDifficulty: 10n ** 13n,
    };
    const rig = new SessionRig({ ...CONFIG, stratum: { ...CONFIG.stratum, vardiff } });
    const answer = await rig.sessions.getwork({
      login: LOGIN,
      worker: "",
      ip: IP,
      body: '{"id":1,"method":"eth_getWork"}',
    });
    expect(answer).toContain("0x0000000225c17d04");
  });

  it("tells a rig that searches inside a class that class's target, from its first submit on: in an easier one it would be credited a part of its work", async () => {
    const rig = new SessionRig();
    rig.work = rig.snapshot(1, [job("a")]);
    const targetHeard = async (worker = "rig") => {
      const body = '{"id":1,"method":"eth_getWork","params":[]}';
      const answer = await rig.sessions.getwork({ login: LOGIN, worker, ip: IP, body });
      return (JSON.parse(answer) as { result: string[] }).result[2];
    };
    const submitAt = async (prefix: string, digit = "a", nonce = 1) => {
      const params = [`0x${prefix}${String(nonce).padStart(10, "0")}`, job(digit).header, `0x${"e".repeat(64)}`];
      const body = JSON.stringify({ id: 4, method: "eth_submitWork", params });
      const answered = rig.sessions.getwork({ login: LOGIN, worker: "rig", ip: IP, body });
      // It is gathered with those that follow.
      await rig.clock.pass(200);
      return await answered;
    };
    expect(await targetHeard()).toBe(target(0));
    await submitAt(prefixOf(-2));
    // The job that it has keeps its target; the next one has the class's.
    await rig.sessions.push(rig.snapshot(2, [job("b", 1_001), job("a")]));
    expect(await targetHeard()).toBe(target(-2));
    expect(rig.attempts.at(-1)?.share.shareDifficulty).toBe(2_000_000_000n);
    await submitAt(prefixOf(-2), "b");
    expect(rig.attempts.at(-1)?.share.shareDifficulty).toBe(500_000_000n);
    expect(await targetHeard("other")).toBe(target(0));
    // A harder one only when nothing else comes: it may be one card of many.
    for (let again = 0; again < 4; again += 1) await submitAt(prefixOf(2), "b", again);
    await rig.sessions.push(rig.snapshot(3, [job("c", 1_002), job("b", 1_001), job("a")]));
    expect(await targetHeard()).toBe(target(2));
  });

  it("says Work not ready when the pool fails inside, and logs why", async () => {
    const rig = new SessionRig();
    const post = (body: string) => rig.sessions.getwork({ login: LOGIN, worker: "", ip: IP, body });
    const answer = '{"id":5,"jsonrpc":"2.0","result":null,"error":{"code":0,"message":"Work not ready"}}';
    rig.allows = () => {
      throw new Error("out of order");
    };
    expect(await post(submit(5))).toBe(answer);
    expect(rig.logged.join()).toContain("out of order");
  });

  it("wants pushes for half a minute after the last POST", async () => {
    const rig = new SessionRig();
    await rig.sessions.getwork({ login: LOGIN, worker: "", ip: IP, body: "{}" });
    expect(await rig.sessions.push(rig.snapshot(2, [job("c")]))).toBe(1);
    await rig.clock.pass(30_000);
    expect(await rig.sessions.push(rig.snapshot(3, [job("d")]))).toBe(0);
  });

  it("writes its submits into the login's history when their ten minutes are over", async () => {
    const rig = new SessionRig();
    await rig.sessions.getwork({ login: LOGIN, worker: "rig", ip: IP, body: submit(1) });
    await rig.clock.pass(600_000);
    rig.hibernate();
    expect(rig.sessions.history("1d").workers).toEqual([["rig", 1, 0, 0, 0, 2_000_000_000]]);
  });
});

import { describe, expect, it } from "vitest";
import {
  isVerdictsText,
  readShares,
  readVerdicts,
  sharesText,
  verdictsText,
} from "../../../core/shares/carried-text.ts";
import type { JudgedShare, ShareSubmission } from "../../../core/shares/share.ts";
import type { Job } from "../../../core/work/job.ts";
import { makeJob, submission } from "../../support/proofs.ts";

const MIX = `0x${"5".repeat(64)}`;
const nonceOf = (at: number) => `0x${at.toString(16).padStart(16, "0")}`;

const job: Required<Job> = { ...makeJob(7, 1n << 60n), sinceMs: 1_700_000_000_001, roundClosed: true, solo: true };
// Required: a field that is added to either must be added to what is read.
const full: Required<ShareSubmission> = {
  ...submission(job, { nonce: nonceOf(1), mixDigest: MIX }, { shareDifficulty: 2n ** 70n + 1n, retry: true }),
  job,
  client: "192.0.2.1",
  waitedMs: 12,
  workHeight: 8,
  staleBefore: 3,
  noRoomBefore: { shares: 2, connections: 1 },
};
const many = (count: number) => Array.from({ length: count }, (_, at) => ({ ...full, nonce: nonceOf(at) }));
const plain = submission(makeJob(8), { nonce: nonceOf(2), mixDigest: null });

describe("shares on their way to a relay", () => {
  it("are what was written, difficulties and all, each job once", () => {
    const shares = [full, plain, { ...full, nonce: nonceOf(3) }, { ...plain, nonce: nonceOf(4) }];
    const text = sharesText({ number: 7, verifier: "shard-3", shares }) ?? "";
    expect(readShares(text)).toEqual({ number: 7, verifier: "shard-3", shares });
    expect(text.split(job.seed)).toHaveLength(3);
    expect(isVerdictsText(text)).toBe(false);
  });

  it("are no more than a session gathers, and no longer than a relay reads", () => {
    const sixteen = sharesText({ number: 1, verifier: "shard-0", shares: many(16) }) ?? "";
    expect(readShares(sixteen)?.shares).toHaveLength(16);
    expect(sharesText({ number: 1, verifier: "shard-0", shares: many(17) })).toBe(null);
    // Said by somebody who does not stop there.
    const { of, jobs, ...rest } = JSON.parse(sixteen) as { of: object[]; jobs: object[] };
    const said = (more: object) => readShares(JSON.stringify({ ...rest, of, jobs, ...more }));
    expect(said({})?.shares).toHaveLength(16);
    expect(said({ of: [...of, ...of.slice(0, 1)] })).toBe(null);
    expect(said({ jobs: Array.from({ length: 17 }, () => jobs[0]) })).toBe(null);
    const long = { ...plain, client: "x".repeat(65_536) };
    expect(sharesText({ number: 1, verifier: "shard-0", shares: [long] })).toBe(null);
  });

  it("are nothing where anything of them is not what it should be", () => {
    const text = sharesText({ number: 7, verifier: "shard-3", shares: [full] }) ?? "";
    const bad: [string, string][] = [
      ['"shares":7', '"shares":-7'],
      ['"shares":7', '"shares":7e400'],
      ['"shares":7', '"shares":"7"'],
      ["shard-3", "main"],
      ['"job":0', '"job":1'],
      ['"job":0', '"job":-1'],
      [full.login, `${full.login}0`],
      [full.nonce, "0x12"],
      [MIX, "0xyz"],
      [`"${full.shareDifficulty}"`, "1e99"],
      ['"retry":true', '"retry":1'],
      ['"waitedMs":12', '"waitedMs":"12"'],
      ['"worker":"rig"', `"worker":"${"r".repeat(33)}"`],
      [job.seed, "0x"],
      ['"of":[', '"of":[null,'],
    ];
    for (const [from, to] of bad) {
      expect(text).toContain(from);
      expect(readShares(text.replace(from, to)), `${from} as ${to}`).toBe(null);
    }
    for (const other of ["", "{}", text.slice(0, -1), ` ${text}`, `${text.slice(0, -1)}${" ".repeat(70_000)}}`, "[1]"])
      expect(readShares(other)).toBe(null);
    expect(readShares('{"shares":1,"verifier":"shard-0","jobs":[],"of":[]}')).toBe(null);
  });
});

describe("verdicts on their way back", () => {
  const news = {
    refuted: [{ worker: "rig" }, { worker: "rig", client: "192.0.2.1" }],
    found: { height: 9, solo: true },
  };
  const verdicts: (JudgedShare | null)[] = [
    { kind: "accepted", block: false },
    { kind: "accepted", block: true, ...news },
    null,
    { kind: "duplicate", ...news },
    { kind: "invalid" },
    { kind: "lowDifficulty" },
    { kind: "stale" },
    { kind: "unavailable", reason: "queue full", ...news },
  ];

  it("are what was written, with what comes beside them", () => {
    const text = verdictsText({ number: 9, verdicts });
    expect(isVerdictsText(text)).toBe(true);
    expect(readVerdicts(text)).toEqual({ number: 9, verdicts });
    expect(readVerdicts(verdictsText({ number: 9, verdicts: null }))).toEqual({ number: 9, verdicts: null });
  });

  it("are none where they are longer than a session reads", () => {
    const long: JudgedShare = { kind: "unavailable", reason: "x".repeat(65_536) };
    expect(readVerdicts(verdictsText({ number: 9, verdicts: [long] }))).toEqual({ number: 9, verdicts: null });
  });

  it("are nothing where anything of them is not what it should be", () => {
    const text = verdictsText({ number: 9, verdicts });
    const bad: [string, string][] = [
      ['"verdicts":9', '"verdicts":-9'],
      ['"block":false', '"block":"no"'],
      ['"kind":"stale"', '"kind":"fine"'],
      ['"reason":"queue full"', '"reason":null'],
      ['"height":9', '"height":"9"'],
      ['"of":[', '"of":[[],'],
    ];
    for (const [from, to] of bad) {
      expect(text).toContain(from);
      expect(readVerdicts(text.replace(from, to)), `${from} as ${to}`).toBe(null);
    }
    expect(readVerdicts(verdictsText({ number: 9, verdicts: Array.from({ length: 17 }, () => null) }))).toBe(null);
    for (const other of ["", '{"verdicts":9}', text.slice(0, -1)]) expect(readVerdicts(other)).toBe(null);
  });
});

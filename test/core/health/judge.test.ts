import { describe, expect, it } from "vitest";
import type { UnlockerStatus } from "../../../core/payouts/unlocker-status.ts";
import { judgeHealth, type HealthParts, type WorkHealth } from "../../../core/health/judge.ts";
import { VERSION } from "../../../core/version.ts";
import { SHARD_HEALTH as SHARD } from "../../support/shard-health.ts";

const WELL = { name: "a", healthy: true, height: 9, lastError: null, failingForMs: null, toDo: null, chainId: 61 };
const WORK: WorkHealth = {
  height: 9,
  networkDifficulty: "1000",
  ageMs: 500,
  subscribers: 2,
  polling: true,
  upstreams: [
    WELL,
    { ...WELL, name: "b", healthy: false, height: 8, lastError: "time-out", failingForMs: 65_000, toDo: "wake it" },
  ],
};
const ONE_NODE: WorkHealth = { ...WORK, upstreams: [WELL] };
const NOW_MS = 1_790_000_000_000;
const PLACE = { home: "weur", roundTripsMs: { template: 3, ledger: 12, shards: [2, null] }, parts: [] } as const;
const CRON = { lastMs: NOW_MS - 60_000, sinceMs: NOW_MS - 3_600_000 };
const PARTS: HealthParts = {
  work: WORK,
  soloWork: null,
  shards: [SHARD, SHARD],
  formerShards: [],
  embedded: null,
  ledgerError: null,
  maxWorkAgeMs: 60_000,
  unlocker: null,
  payer: null,
  notifications: null,
  invalidShares: null,
  place: PLACE,
  misplaced: [],
  cron: CRON,
  nowMs: NOW_MS,
};
/** A shard with claims of these logins that proved wrong. */
const refutedBy = (shares: number, ...logins: string[]) => ({ ...SHARD, recentlyRefuted: { shares, logins } });
/** An unlocker that came through a minute ago, changed by what is given. */
const unlocker = (over: Partial<UnlockerStatus> = {}): HealthParts["unlocker"] => ({
  intervalMs: 600_000,
  status: {
    lastRunMs: NOW_MS - 60_000,
    lastSuccessMs: NOW_MS - 60_000,
    oldestCandidate: 100,
    waiting: [],
    owed: [],
    fallen: [],
    problems: [],
    windowElements: null,
    pausePayments: null,
    ...over,
  },
});
const noticesOf = (cron: HealthParts["cron"]) => judgeHealth({ ...PARTS, work: ONE_NODE, cron }).notices;
const problems = (parts: Partial<HealthParts>) => judgeHealth({ ...PARTS, ...parts }).problems;

describe("the unlocker on /health", () => {
  const waiting = { list: "candidates", height: 100, reason: "its round is missing", triedMs: NOW_MS } as const;

  it("is no problem while it is off, well, or a block has waited less than an hour", () => {
    const young = [{ ...waiting, sinceMs: NOW_MS - 3_500_000 }];
    for (const one of [null, unlocker(), unlocker({ waiting: young })]) expect(problems({ unlocker: one })).toEqual([]);
  });

  it("names what has waited for an hour, accounts that cannot be written, and blocks that fell out of the chain, at once", () => {
    expect(problems({ unlocker: unlocker({ waiting: [{ ...waiting, sinceMs: NOW_MS - 3_700_000 }] }) })).toEqual([
      "unlocker: block 100 (candidates) has waited 61 minutes: its round is missing",
    ]);
    expect(problems({ unlocker: unlocker({ owed: ["0xa"] }) })[0]).toContain("the account of 0xa cannot be written");
    const fallen = [{ member: "m", height: 90, hash: "0xf", sinceMs: NOW_MS }];
    expect(problems({ unlocker: unlocker({ fallen, pausePayments: "1 matured block(s) fell" }) })).toEqual([
      "unlocker: 1 matured block(s) fell: 90 0xf",
    ]);
    expect(problems({ unlocker: unlocker({ problems: ["node main mines for 0xb"] }) })).toHaveLength(1);
  });

  it("says when no run has come through for an hour, and when it does not answer", () => {
    const late = { lastSuccessMs: NOW_MS - 5_000_000 };
    expect(problems({ unlocker: unlocker(late) })).toEqual(["unlocker: no run has come through for 83 minutes"]);
    expect(problems({ unlocker: { intervalMs: 1, status: "gone" } })).toEqual(["the unlocker does not answer: gone"]);
  });
});

/** A pool whose log under pplns has so many elements. */
const withLog = (windowElements: number | null) =>
  judgeHealth({ ...PARTS, work: ONE_NODE, unlocker: unlocker({ windowElements }) });

describe("the window of pplns on /health", () => {
  it("is told of when its log grows so long that a block takes the ledger seconds, and is no problem yet", () => {
    for (const few of [null, 0, 1_199_999]) expect(withLog(few).notices).toEqual([]);
    const long = withLog(1_200_000);
    expect([long.healthy, long.notices]).toEqual([true, [expect.stringContaining("has 1200000 elements")]]);
    expect(long.notices[0]).toContain("Raise difficulty, or lower payouts.pplnsWindow");
  });
});

describe("health", () => {
  it("names a node of solo work that is of no use beside another one or gives common work, and tells a pause once", () => {
    expect(judgeHealth({ ...PARTS, work: ONE_NODE, soloWork: WORK }).notices).toEqual([
      "solo work: the pool does not use a node and goes on with a. b, for 1 min 5 s: time-out. To do: wake it",
    ]);
    const header = `0x${"7".repeat(64)}`;
    expect(problems({ work: { ...ONE_NODE, header: null }, soloWork: { ...ONE_NODE, header: null } })).toEqual([]);
    expect(problems({ work: { ...ONE_NODE, header }, soloWork: { ...ONE_NODE, header } })).toEqual([
      expect.stringMatching(/^solo work: its node gives the header that common work has, 0x7+: .* another etherbase/),
    ]);
    const paused = { ...ONE_NODE, paused: true };
    expect(problems({ work: paused, soloWork: paused })).toHaveLength(1);
  });

  it("is good while one node of several is well, and sums the outboxes up", () => {
    expect(
      judgeHealth({
        ...PARTS,
        shards: [
          { ...SHARD, outboxDepth: 3 },
          { ...SHARD, cacheEpoch: null },
        ],
      }),
    ).toEqual({
      healthy: true,
      problems: [],
      notices: ["the pool does not use a node and goes on with a. b, for 1 min 5 s: time-out. To do: wake it"],
      work: WORK,
      soloWork: null,
      ledger: { state: "ok", error: null },
      outbox: { depth: 3, bound: 200 },
      epochs: [7, null],
      shards: [
        { ...SHARD, outboxDepth: 3 },
        { ...SHARD, cacheEpoch: null },
      ],
      formerShards: [],
      unlocker: null,
      payer: null,
      notifications: null,
      place: PLACE,
      cron: CRON,
      version: VERSION,
    });
  });

  it("says in the morning that the cron trigger does not come, three minutes after it should have", () => {
    expect(noticesOf({ lastMs: NOW_MS - 179_000, sinceMs: 0 })).toEqual([]);
    expect(noticesOf({ lastMs: null, sinceMs: NOW_MS - 179_000 })).toEqual([]);
    for (const cron of [
      { lastMs: NOW_MS - 180_000, sinceMs: 0 },
      { lastMs: null, sinceMs: NOW_MS - 180_000 },
    ])
      expect(noticesOf(cron)).toEqual([expect.stringContaining("the cron trigger has not come for 3 min")]);
  });

  it("names a node on another chain among well ones, and stays good: nobody mines less for it", () => {
    const lastError = 'the node is on "classic" (chain id 61), and the pool on "ethereum" (chain id 1)';
    const misplaced = { ...WELL, name: "c", healthy: false, height: null, lastError, failingForMs: 7_200_000 };
    const { healthy, notices } = judgeHealth({ ...PARTS, work: { ...WORK, upstreams: [WELL, misplaced] } });
    expect([healthy, notices]).toEqual([true, [expect.stringContaining(`goes on with a. c, for 2 h: ${lastError}`)]]);
    const alone = judgeHealth({ ...PARTS, work: { ...WORK, upstreams: [misplaced] } });
    expect([alone.healthy, alone.notices]).toEqual([false, []]);
  });

  it("stays good where invalid shares may be one party's, and says so", () => {
    const invalidShares = { text: "perhaps junk", isProblem: false };
    const { healthy, notices } = judgeHealth({ ...PARTS, work: ONE_NODE, invalidShares });
    expect([healthy, notices]).toEqual([true, ["perhaps junk"]]);
  });

  it("is good for an idle pool, whose work is old", () => {
    const idle = { ...WORK, ageMs: 9e9, subscribers: 0, polling: false };
    expect(problems({ work: idle })).toEqual([]);
  });

  it.each([
    [
      "work is missing while miners wait",
      { work: { ...WORK, ageMs: null } },
      'miners wait and there is no work: miners hear "Work not ready"',
    ],
    [
      "work is too old",
      { work: { ...WORK, ageMs: 65_000 } },
      'no node has confirmed the work for 1 min 5 s, and 1 min are allowed (workMaxAge): miners hear "Work not ready"',
    ],
    [
      "nothing polls",
      { work: { ...WORK, polling: false } },
      "miners are there and the work is not being refreshed. Cron restarts that within a minute; if this stays, see that the cron trigger runs and what the Worker's log says",
    ],
    [
      "every node is sick",
      { work: { ...WORK, upstreams: WORK.upstreams.slice(1) } },
      'no node is well; once their last work is older than 1 min, miners hear "Work not ready". b, for 1 min 5 s: time-out. To do: wake it',
    ],
    [
      "no node has ever given work, miners or not",
      {
        work: {
          ...WORK,
          subscribers: 0,
          ageMs: null,
          upstreams: [
            { ...WELL, height: null },
            {
              ...WELL,
              name: "b",
              height: null,
              lastError: "cannot be reached.",
              failingForMs: 0,
              toDo: "see that it runs",
            },
          ],
        },
      },
      'no node has given work yet, so miners hear "Work not ready". a: no answer yet; b, for 0 s: cannot be reached. To do: see that it runs',
    ],
    [
      "miners and pool do not mine the same",
      { invalidShares: { text: "all shares are invalid", isProblem: true } },
      "all shares are invalid",
    ],
    ["the template is silent", { work: "reset" }, "the template does not answer: reset"],
    ["Redis is silent", { ledgerError: "refused" }, "the ledger does not answer: refused"],
    [
      "a light cache cannot be built",
      { shards: [{ ...SHARD, cacheError: "no memory" }] },
      'shard 0 cannot build the light cache that verifies shares, and answers "Work not ready" to them: no memory. It tries again by itself as long as shares come',
    ],
    [
      "a shard cannot write",
      { shards: [{ ...SHARD, ledger: "sick" as const, lastError: "READONLY" }] },
      "shard 0 cannot write the ledger: READONLY. What miners are told is kept in its outbox (0 of 100) and written by itself when Redis answers",
    ],
    [
      "an outbox is full",
      { shards: [SHARD, { ...SHARD, outboxDepth: 100 }] },
      'the outbox of shard 1 is full (100 of 100): miners get "Work not ready" until the ledger can be written',
    ],
    [
      "Redis refuses a login",
      {
        shards: [
          {
            ...SHARD,
            setAsideShares: 12,
            refusedLogins: [
              {
                login: "0xab",
                reason: "WRONGTYPE … (eth:hashrate:0xab is a string, and must be a sorted set)",
                sinceMs: NOW_MS - 600_000,
              },
            ],
          },
        ],
      },
      "shard 0 has set aside 12 records of logins that Redis refuses to write for. They are safe, no other miner waits, and they are tried again at least every ten minutes. Mend or rename the key that is named: 0xab (for 10m): WRONGTYPE … (eth:hashrate:0xab is a string, and must be a sorted set)",
    ],
    [
      "an outage was longer than the ledger's evidence",
      { shards: [{ ...SHARD, unresolvedShares: 25 }] },
      "shard 0 holds 25 records that may be missing from the ledger: miners were told true, and an outage was too long to tell whether they were written. They wait for you: npm run ledger -- unresolved list <pool>, then credit or drop",
    ],
    [
      "a roll-back left rows of a later version",
      {
        shards: [{ ...SHARD, unreadableRows: 3, unreadableReasons: ["3 in held: version 2, and this pool knows 1"] }],
      },
      "shard 0 keeps 3 rows that this version of the pool cannot read (3 in held: version 2, and this pool knows 1). They are shares or blocks that miners were told true for. Nothing is lost: deploy the version that wrote them or a later one, and they are taken up",
    ],
    [
      "a former shard is silent",
      { formerShards: [[6, "gone"]] as const },
      "shard 6, which is no longer configured, does not answer: gone",
    ],
    ["a shard is silent", { shards: [SHARD, "gone"] }, "shard 1 does not answer: gone"],
  ])("is bad when %s, and says so", (_case, parts, text) => {
    expect(problems(parts)).toEqual([text]);
    expect(judgeHealth({ ...PARTS, ...parts }).healthy).toBe(false);
  });

  it.each([
    ["one share of one login", [refutedBy(1, "0xa")], "1 share of 0xa"],
    [
      "shares of several logins at several shards",
      [refutedBy(900, "0xa", "0xb"), refutedBy(9, "0xa")],
      "909 shares of 0xa, 0xb",
    ],
    [
      "shares of many logins",
      [refutedBy(9, "1", "2", "3"), refutedBy(9, "4", "5", "6")],
      "18 shares of 1, 2, 3, 4, 5 and others",
    ],
  ])("is good and says so in a notice when %s proved wrong after the answer true", (_case, shards, whose) => {
    const { healthy, problems: found, notices } = judgeHealth({ ...PARTS, work: ONE_NODE, shards });
    expect([healthy, found]).toEqual([true, []]);
    expect(notices).toEqual([
      `within the last hour ${whose} proved wrong that had been answered true while there was no light cache: they are not credited. The log names each ("claimed mix digest refuted"). A rig is broken, or somebody cheats: put a login that goes on so on the blacklist`,
    ]);
  });

  // Case A11: the depth was 0 while 109 waited.
  it("counts what waits in shards that are no longer configured, and is good while they are being emptied", () => {
    const report = judgeHealth({ ...PARTS, formerShards: [[5, { ...SHARD, outboxDepth: 109, outboxBound: 1_000 }]] });
    expect(report.healthy).toBe(true);
    expect(report.outbox.depth).toBe(109);
    expect(report.formerShards).toEqual([{ shard: 5, outboxDepth: 109 }]);
  });
});

const noticesAt = (shares: number | null) => {
  const embedded = shares === null ? null : { shares, windowMs: 1_800_000 };
  return judgeHealth({ ...PARTS, work: { ...WORK, upstreams: [WELL] }, embedded }).notices;
};

describe("notices of load", () => {
  it("advise another shard where shares wait for one, by what was measured, and leave the pool healthy", () => {
    const load = { sharesPerSecond: 1_210.5, slowPercent: 3.4 };
    const { notices, healthy } = judgeHealth({ ...PARTS, work: ONE_NODE, shards: [SHARD, { ...SHARD, load }] });
    expect(healthy).toBe(true);
    expect(notices).toEqual([
      "shard 1 has verified 1210.5 shares a second over the last five minutes, and 3.4 % of them waited longer than 200 ms. If that stays: verifier.shards = 4 (now 2) lets the logins wait for twice as many, and each new one costs what this one does",
    ]);
    expect(
      judgeHealth({ ...PARTS, work: ONE_NODE, shards: [{ ...SHARD, load: { ...load, slowPercent: 0.9 } }] }).notices,
    ).toEqual([]);
  });

  it("say when the embedded ledger is about to be too small", () => {
    expect([null, 0, 6_900].map(noticesAt)).toEqual([[], [], []]);
    expect(noticesAt(7_000)).toEqual([
      expect.stringContaining("up to 60 million rows a month, $10 beyond what is included"),
    ]);
    expect(noticesAt(89_999)).toEqual([expect.stringContaining("up to 778 million rows a month, $728 beyond")]);
    expect(noticesAt(90_000)[1]).toContain(
      "the embedded ledger keeps 90000 shares of the hashrate window. Up to 150000",
    );
  });
});

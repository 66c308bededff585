import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { beforeAll, expect, it } from "vitest";
import { ConfigError } from "../../core/config-problem.ts";
import { firstDeployAdvice } from "../../core/deploy/rollout.ts";
import { judgeHealth } from "../../core/health/judge.ts";
import { beginningOf, movedFrom } from "../../core/home.ts";
import { parseConfig } from "../../core/parse-config.ts";
import { emptyStatus } from "../../core/payouts/payer/payer-status.ts";
import type { Finding } from "../../scripts/doctor/finding.ts";
import { ledgerChecks } from "../../scripts/doctor/ledger-checks.ts";
import { poolChecks } from "../../scripts/doctor/pool-checks.ts";
import { strangeAnswer } from "../../scripts/doctor/strange-answer.ts";
import { setupChecks } from "../../scripts/setup/checks.ts";
import { SHARD_HEALTH } from "../support/shard-health.ts";

/** Texts of the operator's guide by trap: what stands in backticks in the last column of its table. */
const promised = new Map<string, string[]>();
beforeAll(async () => {
  const guide = await readFile("docs/OPERATING.md", "utf8");
  const [, section = ""] = guide.split("### Traps of the first hour");
  for (const row of section
    .split("\n## ")[0]
    ?.split("\n")
    .filter((line) => line.startsWith("| ")) ?? []) {
    const [, trap = "", , says = ""] = row
      .split(" | ")
      .map((cell) => cell.replace(/^\| |\|$/g, ""))
      .toSpliced(0, 0, "");
    promised.set(
      trap,
      [...says.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text),
    );
  }
});

/** What the guide says that an operator reads is in what the operator reads. */
function expectTold(trap: string, ...told: string[]): void {
  const texts = promised.get(trap);
  expect(texts?.length, `${trap} is in docs/OPERATING.md`).toBeGreaterThan(0);
  for (const text of texts ?? []) expect(told.join("\n")).toContain(text);
}
const textOf = ({ found, fix }: Finding): string => `${found}\n${fix}`;
async function all(findings: AsyncGenerator<Finding>): Promise<string> {
  const told: string[] = [];
  for await (const finding of findings) told.push(textOf(finding));
  return told.join("\n");
}
const adviceOn = (refusal: string): string => firstDeployAdvice(refusal) ?? "";
const page = (status: number, body: string): string => {
  const trouble = strangeAnswer({ status, headers: {}, body });
  return `${trouble?.found}\n${trouble?.fix}`;
};

const SETTINGS = { chain: "classic", upstream: [{ name: "main", url: "https://geth.example.org" }] };
const refusalOf = (settings: object): string => {
  try {
    parseConfig({ ...SETTINGS, ...settings });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
};
const setup = (vars: object, former: object = {}) =>
  all(
    setupChecks({
      vars: { chain: "classic", upstream: [], ...vars },
      former: { ...former },
      secrets: {},
      accounts: ["me"],
      ledger: null,
      headersOf: () => ({}),
      dryRun: false,
      timeoutMs: 300,
      nowMs: Date.now,
    }),
  );

/** An HTTP server for as long as the work takes. */
async function serving<T>(
  answer: (path: string, body: string) => unknown,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => response.end(JSON.stringify(answer(request.url ?? "", body))));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = server.address();
  try {
    return await work(`http://127.0.0.1:${typeof at === "object" ? at?.port : 0}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

it("the Free plan is named by the deployment that it ends, and by the doctor where it was reached all the same", () => {
  expectTold(
    "the Free plan",
    adviceOn("CPU limits are not supported for the Free plan. [code: 100328]"),
    page(503, "error code: 1102"),
  );
});

const upstream = (url: string) => ({ upstream: [{ name: "main", url }] });

it("a node that no Worker reaches is refused by the pool and by setup", async () => {
  for (const url of ["http://203.0.113.9:8545", "http://127.0.0.1:8545", "http://geth.lan:8545"])
    expect(refusalOf(upstream(url))).toContain("upstream.0.url");
  expectTold(
    "a node by its IP address, on this machine or in a LAN",
    refusalOf(upstream("http://127.0.0.1:8545")),
    await setup(upstream("http://127.0.0.1:1")),
  );
});

/** An Upstash database, and the account that it is of. */
const upstash = (of: { readonly type?: string; readonly eviction?: boolean; readonly policy?: string }) =>
  serving(
    (path, body) => {
      if (path.endsWith("/redis/databases")) return [{ endpoint: "127.0.0.1", region: "eu-west-1", ...of }];
      return { result: body.includes("maxmemory-policy") && of.policy ? ["maxmemory-policy", of.policy] : "PONG" };
    },
    (url) =>
      all(
        ledgerChecks({
          ledger: { url, token: "token", account: { email: "me@example.org", key: "key", api: url } },
          timeoutMs: 20_000,
        }),
      ),
  );

it("Upstash's plan is looked at, and its region told", async () => {
  const told = await upstash({ type: "free" });
  expectTold("Upstash's free plan", told);
  expect(told).toContain("Upstash, free plan, eu-west-1");
});

it("a ledger that evicts fails the check, whether the server says so or only the account", async () => {
  expectTold(
    "a ledger that evicts keys when it is full",
    await upstash({ eviction: true }),
    await upstash({ policy: "allkeys-lru" }),
  );
});

const PLACE = { home: "weur", roundTripsMs: { template: 1, ledger: 400, shards: [1] }, parts: [] };
const REPORT = { version: "1.0.0", healthy: true, problems: [], notices: [], work: null, place: PLACE };
const doctorOf = (report: object) =>
  serving(
    () => report,
    (pool) =>
      all(
        poolChecks({
          pool,
          secrets: {
            adminToken: null,
            metricsToken: null,
            notifyToken: null,
            redisToken: null,
            redisReadToken: null,
            bridgeToken: null,
          },
          ledger: null,
          node: null,
          login: `0x${"a1".repeat(20)}`,
          timeoutMs: 20_000,
          cronPatienceMs: 0,
          nowMs: Date.now,
        }),
      ),
  );

it("a ledger in another region is seen by its distance, and the doctor says in which data centres the parts are", async () => {
  const told = await doctorOf(REPORT);
  expectTold("a ledger in another region than the pool", told, await upstash({ type: "paid" }));
  const parts = [
    { part: "template", dataCentre: "FRA", roundTripMs: 1, version: "1.0.0" },
    { part: "operator", dataCentre: null, roundTripMs: 1, version: "1.0.0" },
  ];
  expect(await doctorOf({ ...REPORT, place: { ...PLACE, parts } })).toContain("weur: template FRA, operator unknown");
});

it("that no home is set is a warning of setup's and of the doctor's", async () => {
  expectTold("no `home`", await setup({}));
  expect(await doctorOf({ ...REPORT, place: { ...PLACE, home: null } })).toContain(
    "no home is set: whoever asked first has decided where each part lives",
  );
});

it("a home that leads to other objects is refused by setup", async () => {
  const trap = "a `home` that became another jurisdiction";
  expectTold(trap, await setup({ home: "eu" }, { home: "weur" }));
  expectTold(trap, movedFrom(beginningOf("weur"), "eu") ?? "");
});

const HEALTH: Parameters<typeof judgeHealth>[0] = {
  work: "away",
  soloWork: null,
  shards: [],
  formerShards: [],
  embedded: null,
  ledgerError: null,
  maxWorkAgeMs: 1,
  unlocker: null,
  payer: null,
  notifications: null,
  invalidShares: null,
  place: PLACE,
  misplaced: [],
  cron: { lastMs: 1, sinceMs: 0 },
  nowMs: 1,
};

it("a record beyond Upstash's limit is a problem on /health, with the login and Redis' words", () => {
  const refused = { login: `0x${"ab".repeat(20)}`, reason: "ERR max single record size exceeded", sinceMs: 0 };
  const shard = { ...SHARD_HEALTH, setAsideShares: 1, refusedLogins: [refused] };
  const { problems } = judgeHealth({ ...HEALTH, shards: [shard] });
  expectTold("Upstash's record limit (100 MB on its smaller plans)", ...problems);
  expect(problems.join("\n")).toContain(refused.login);
});

it("a challenge in front of miners is known for what it is", () => {
  const challenge = page(403, "<title>Just a moment...</title>");
  expectTold("Bot Fight Mode, or a rule that challenges miners", challenge);
  expect(challenge).toContain("switch Bot Fight Mode off (no rule can make an exception of it)");
});

it("where the log is the way to know more, it is said what looking costs", () => {
  expectTold("`npx wrangler tail`, and switching logs on", page(500, "error code: 1101"));
});

it("a deployment of one script where there are four, and a token without the rights, are explained", () => {
  expectTold(
    "`wrangler deploy` instead of `npm run deploy`",
    adviceOn("Cannot create binding for class ShareVerifier [code: 10061]"),
  );
  expectTold("a token without the rights", adviceOn("kv namespaces: Authentication error, missing permission"));
});

it("a missing key is named on /health by the script that pays", () => {
  const cannotSign = "the script that pays has neither PAYOUT_PRIVATE_KEY nor PAYOUT_SIGNER_URL (npm run secret …)";
  const { problems } = judgeHealth({ ...HEALTH, payer: { ...emptyStatus("0xa"), cannotSign } });
  expectTold("a script that has no key to pay with", ...problems);
});

it("every trap of the guide has a test here", () => {
  expect([...promised.keys()].filter((trap) => trap !== "trap" && !trap.startsWith("---"))).toHaveLength(13);
});

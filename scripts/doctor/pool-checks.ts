import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { VERSION } from "../../core/version.ts";
import { ask, jsonOf } from "./ask.ts";
import type { DoctorOptions } from "./options.ts";
import { fail, ok, skipped, warn, type Finding } from "./finding.ts";
import type { RawAnswer } from "./strange-answer.ts";

const trip = v.nullable(v.number());
const nodeState = v.object({ name: v.string(), height: v.nullable(v.number()), roundTripMs: v.optional(trip, null) });
const report = v.object({
  version: v.optional(v.string(), "before 0.1.0"),
  healthy: v.boolean(),
  problems: v.array(v.string()),
  notices: v.array(v.string()),
  work: v.nullable(
    v.object({ height: v.nullable(v.number()), ageMs: v.nullable(v.number()), upstreams: v.array(nodeState) }),
  ),
  place: v.object({
    home: v.nullable(v.string()),
    roundTripsMs: v.object({ template: trip, ledger: trip, shards: v.array(trip) }),
    parts: v.optional(v.array(v.object({ part: v.string(), dataCentre: v.nullable(v.string()) })), []),
  }),
  cron: v.optional(v.object({ lastMs: v.nullable(v.number()), sinceMs: v.number() })),
});

/** `/health` of a pool, as far as the doctor reads it. */
export type PoolReport = v.InferOutput<typeof report>;

const HOW_TO_REACH = "is this the pool's address, and was it deployed?";
/** An acknowledgement waits for the ledger, and every job for the node. */
const FAR_LEDGER_MS = 250;
const FAR_NODE_MS = 500;
const FAR_PART_MS = 150;
const CLOCK_OFF_MS = 5_000;
/** A `Date` header says whole seconds, and is as old as the answer's way. */
const CLOCK_GRAIN_MS = 1_000;
const ASK_AGAIN_MS = 5_500;

/** Is it there, is it a pool, does it say that it is well, where does it live, does its cron come. @returns null where there is no pool to go on with */
export async function* poolChecks(options: DoctorOptions): AsyncGenerator<Finding, PoolReport | null> {
  const asked = await ask(`${options.pool}/health`, options.timeoutMs);
  if (asked.kind === "trouble") {
    yield fail("reach", `${options.pool}/health: ${asked.trouble.found}`, asked.trouble.fix);
    return null;
  }
  const { answer, tookMs } = asked;
  if (answer.status === 500) {
    const lines = answer.body.trim().split("\n");
    yield fail("settings", lines.join("; ").slice(0, 1_000), "set what is named to what is allowed, and deploy again");
    return null;
  }
  const parsed = v.safeParse(report, jsonOf(answer));
  if (!parsed.success) {
    yield fail("reach", `${options.pool}/health answers ${answer.status}, which is no pool's answer`, HOW_TO_REACH);
    return null;
  }
  yield ok("reach", `${options.pool} answers in ${tookMs} ms, version ${parsed.output.version}`);
  if (parsed.output.version !== VERSION)
    yield warn(
      "version",
      `the pool is ${parsed.output.version}, this doctor ${VERSION}`,
      "npm run deploy, or the other checkout",
    );
  yield* healthFindings(parsed.output);
  yield clockFinding(answer, options.nowMs());
  yield* placeFindings(parsed.output);
  yield await cronFinding(options, parsed.output);
  yield* bridgeFile(options);
  return parsed.output;
}

function* healthFindings({ problems, notices, work }: PoolReport): Generator<Finding> {
  // Each of them says itself what to do.
  for (const problem of problems) yield fail("health", problem, 'as it says; docs/OPERATING.md, "What waits for you"');
  for (const notice of notices) yield warn("health", notice, "as it says, in the morning");
  if (problems.length === 0) yield ok("health", `no problem; work for block ${work?.height ?? "?"}`);
}

function clockFinding({ headers }: RawAnswer, nowMs: number): Finding {
  const date = Date.parse(headers["date"] ?? "");
  if (Number.isNaN(date)) return skipped("clock", "the answer has no date");
  const offMs = nowMs - date - CLOCK_GRAIN_MS / 2;
  const seconds = Math.round(Math.abs(offMs) / 1000);
  if (Math.abs(offMs) <= CLOCK_OFF_MS) return ok("clock", "this machine's and the pool's agree");
  return fail(
    "clock",
    `this machine's clock is ${seconds} s ${offMs > 0 ? "ahead of" : "behind"} the pool's`,
    "set it by NTP (timedatectl set-ntp true). On the node's machine a wrong clock makes blocks that others refuse",
  );
}

function* placeFindings({ place, work }: PoolReport): Generator<Finding> {
  const { home, roundTripsMs, parts: places } = place;
  if (home === null)
    yield warn(
      "home",
      "no home is set: whoever asked first has decided where each part lives",
      "set home near the nodes and the Redis before the first deployment; objects never move, so a pool that runs needs a new environment and its books moved there",
    );
  else yield ok("home", [home, ...whereabouts(places)].join(": "));
  const parts: readonly (readonly [string, number | null, number])[] = [
    ["the ledger", roundTripsMs.ledger, FAR_LEDGER_MS],
    ["the template", roundTripsMs.template, FAR_PART_MS],
    ...roundTripsMs.shards.map((ms, at) => [`verifier ${at}`, ms, FAR_PART_MS] as const),
    ...(work?.upstreams ?? []).map(({ name, roundTripMs }) => [`node ${name}`, roundTripMs, FAR_NODE_MS] as const),
  ];
  const far = parts.filter(([, ms, most]) => ms !== null && ms > most);
  for (const [part, ms] of far)
    yield fail(
      "distance",
      `${part} is ${ms} ms away from the pool's objects`,
      part.startsWith("node")
        ? "another home, or a node near it: each job comes this much later"
        : "another home: objects never move, so set home beside the Redis in a new environment (npm run setup) and move the books (npm run ledger -- backup, restore)",
    );
  const told = parts.filter(([, ms]) => ms !== null).map(([part, ms]) => `${part} ${ms} ms`);
  if (far.length === 0) yield ok("distance", told.join(", ") || "nothing measured yet");
}

/** Data centres of the parts; nothing where none of them knows its own, as on this machine. */
function whereabouts(places: PoolReport["place"]["parts"]): string[] {
  if (places.every(({ dataCentre }) => dataCentre === null)) return [];
  return [places.map(({ part, dataCentre }) => `${part} ${dataCentre ?? "unknown"}`).join(", ")];
}

/** It comes every minute; this machine's clock may be somewhat off. */
const isFresh = (lastMs: number | null): boolean => lastMs !== null && lastMs > Date.now() - 300_000;

async function cronFinding({ pool, timeoutMs, cronPatienceMs }: DoctorOptions, first: PoolReport): Promise<Finding> {
  let { cron } = first;
  if (cron === undefined) return skipped("cron", "a pool of this version does not tell");
  const until = performance.now() + cronPatienceMs;
  while (!isFresh(cron.lastMs) && performance.now() < until) {
    await sleep(Math.min(ASK_AGAIN_MS, Math.max(0, until - performance.now())));
    const asked = await ask(`${pool}/health`, timeoutMs);
    const parsed = asked.kind === "answered" ? v.safeParse(report, jsonOf(asked.answer)) : null;
    if (parsed?.success === true && parsed.output.cron !== undefined) cron = parsed.output.cron;
  }
  if (cron.lastMs !== null && isFresh(cron.lastMs))
    return ok("cron", `came last at ${new Date(cron.lastMs).toISOString()}`);
  const before = cron.lastMs === null ? "" : `, and the last one before came at ${new Date(cron.lastMs).toISOString()}`;
  const text = `no cron trigger has come in ${Math.round(cronPatienceMs / 1000)} s${before}`;
  const fix =
    'deploy with [triggers] crons = ["* * * * *"] (an environment inherits it); a new trigger takes up to 15 minutes. The Worker\'s page, Settings, Trigger Events, lists it and its past events';
  return cronPatienceMs >= 60_000 ? fail("cron", text, fix) : warn("cron", text, fix);
}

async function* bridgeFile({ pool, timeoutMs }: DoctorOptions): AsyncGenerator<Finding> {
  const [file, sum] = await Promise.all([
    ask(`${pool}/bridge.mjs`, timeoutMs),
    ask(`${pool}/bridge.mjs.sha256`, timeoutMs),
  ]);
  const found = [file, sum].map((asked) => (asked.kind === "answered" ? asked.answer.status : asked.trouble.found));
  if (file.kind === "answered" && file.answer.status === 200 && sum.kind === "answered" && sum.answer.status === 200)
    yield ok("bridge file", `${pool}/bridge.mjs is there, with its SHA-256`);
  else
    yield fail(
      "bridge file",
      `/bridge.mjs and its SHA-256 are answered with ${found.join(" and ")}`,
      "npm run deploy builds it into web/dist, which [assets] must serve",
    );
}

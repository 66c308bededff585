import * as v from "valibot";
import { ask, bearer, isOnThisMachine, jsonOf } from "./ask.ts";
import type { DoctorOptions, LedgerAddress } from "./options.ts";
import { fail, ok, skipped, warn, type Finding } from "./finding.ts";

const reply = v.object({ result: v.unknown() });

/** What Upstash's developer API says of a database (upstash.com/docs/devops/developer-api). */
const database = v.object({
  endpoint: v.string(),
  region: v.optional(v.string(), "unknown"),
  primary_region: v.optional(v.string(), ""),
  type: v.optional(v.string(), "unknown"),
  tls: v.optional(v.boolean(), true),
  eviction: v.optional(v.boolean(), false),
});

const EVICTS =
  "switch it off (Upstash: the database's Configuration, Eviction; a Redis: maxmemory-policy noeviction): a key that is evicted is shares, balances or payments that are gone";

/** The Redis that keeps the books, where its address and token are given: does it answer, encrypt, keep, and what plan is it. */
export async function* ledgerChecks({
  ledger,
  timeoutMs,
}: Pick<DoctorOptions, "ledger" | "timeoutMs">): AsyncGenerator<Finding> {
  if (ledger === null) {
    yield skipped(
      "eviction",
      "not looked at: UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN are not in the environment (the embedded ledger evicts nothing)",
    );
    return;
  }
  const host = new URL(ledger.url).hostname;
  if (ledger.url.startsWith("http:"))
    yield isOnThisMachine(ledger.url)
      ? warn("ledger TLS", "the ledger is asked without TLS, on this machine", "nothing, for a pool that runs here")
      : fail(
          "ledger TLS",
          "the ledger is asked without TLS: its token can be read on the way",
          "use its https:// address",
        );
  else yield ok("ledger TLS", host);
  const ping = await command(ledger, timeoutMs, ["PING"]);
  if (typeof ping === "string") {
    yield fail("ledger", `the ledger does not answer: ${ping}`, "is the address its REST one, and the token its own?");
    return;
  }
  yield ok("ledger", `answers from here in ${ping.tookMs} ms (from the pool's objects: see distance)`);
  yield await eviction(ledger, timeoutMs);
  if (ledger.account !== null) yield* plan(ledger, ledger.account, timeoutMs);
}

/** @returns its result and how long it took, or why there is none */
async function command(
  { url, token }: LedgerAddress,
  timeoutMs: number,
  words: readonly string[],
): Promise<{ result: unknown; tookMs: number } | string> {
  const asked = await ask(url, timeoutMs, { method: "POST", body: JSON.stringify(words), headers: bearer(token) });
  if (asked.kind === "trouble") return asked.trouble.found;
  const parsed = v.safeParse(reply, jsonOf(asked.answer));
  if (asked.answer.status === 401) return "the token is refused";
  if (!parsed.success || asked.answer.status !== 200) return `status ${asked.answer.status}`;
  return { result: parsed.output.result, tookMs: asked.tookMs };
}

/** A Redis has it in its settings, some others in INFO; Upstash says it in the account only. */
async function eviction(ledger: LedgerAddress, timeoutMs: number): Promise<Finding> {
  const [settings, info] = [
    await command(ledger, timeoutMs, ["CONFIG", "GET", "maxmemory-policy"]),
    await command(ledger, timeoutMs, ["INFO", "memory"]),
  ];
  const set: unknown = typeof settings === "object" && Array.isArray(settings.result) ? settings.result[1] : undefined;
  const told = typeof info === "object" ? /maxmemory_policy:(\S+)/.exec(String(info.result))?.[1] : undefined;
  const policy = typeof set === "string" ? set : told;
  if (policy === undefined)
    return ledger.account === null
      ? skipped(
          "eviction",
          "this server does not say whether it evicts keys",
          "with UPSTASH_EMAIL and UPSTASH_API_KEY the doctor asks Upstash; or look at the database's Configuration there",
        )
      : skipped("eviction", "the server does not say; Upstash's account does (plan)");
  if (policy === "noeviction") return ok("eviction", "off (noeviction)");
  return fail("eviction", `the ledger evicts keys when it is full (${policy})`, EVICTS);
}

async function* plan(
  { url }: LedgerAddress,
  { email, key, api }: NonNullable<LedgerAddress["account"]>,
  timeoutMs: number,
): AsyncGenerator<Finding> {
  const headers = { Authorization: `Basic ${Buffer.from(`${email}:${key}`).toString("base64")}` };
  const asked = await ask(`${api}/redis/databases`, timeoutMs, { headers });
  const list = asked.kind === "answered" ? v.safeParse(v.array(database), jsonOf(asked.answer)) : null;
  if (list?.success !== true) {
    yield skipped("plan", "Upstash's developer API did not answer", "are UPSTASH_EMAIL and UPSTASH_API_KEY right?");
    return;
  }
  const mine = list.output.find(({ endpoint }) => new URL(url).host.startsWith(endpoint.split(":")[0] ?? endpoint));
  if (mine === undefined) {
    yield skipped("plan", "this account has no database of that address");
    return;
  }
  const { eviction: evicts, region, primary_region: primary, type, tls } = mine;
  yield evicts ? fail("eviction", "Upstash: eviction is on", EVICTS) : ok("eviction", "Upstash: off");
  if (!tls)
    yield fail("ledger TLS", "Upstash: TLS is off for this database", "switch it on; a new database may be needed");
  yield type === "free"
    ? warn(
        "plan",
        `Upstash, free plan, ${primary || region}`,
        "it ends at 500,000 commands a month, some days of one rig: a fixed plan costs from $10",
      )
    : ok("plan", `Upstash, ${type}, ${primary || region}: set home near it`);
}

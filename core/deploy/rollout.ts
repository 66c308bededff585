import * as v from "valibot";
import { type ClassOrigin, nameOf, POOL_SCRIPTS, type PoolScript } from "./pool-scripts.ts";

/** What a run of Wrangler gave. */
export interface WranglerRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a roll-out works with. */
export interface RolloutPorts {
  /** Arguments of `wrangler`. */
  wrangler(args: readonly string[]): Promise<WranglerRun>;
  /** Writes a script's configuration and bundles it. @returns its path, and what tells this bundle with these settings from others */
  prepare(script: PoolScript, origin: ClassOrigin): Promise<{ readonly config: string; readonly fingerprint: string }>;
  /** Names of the secrets that go along. */
  readonly supplied: readonly string[];
  /** Where secrets for a script are; null for none. */
  secretsFile(script: PoolScript): Promise<string | null>;
  say(text: string): void;
}

/** How a roll-out ended. `failed`: what came before it is deployed and works with what was there. */
export type RolloutOutcome =
  | { readonly kind: "done"; readonly deployed: readonly string[] }
  | { readonly kind: "failed"; readonly script: string; readonly reason: string; readonly deployed: readonly string[] };

/** What Cloudflare has under a script's name. */
type Live = { readonly kind: "absent" } | { readonly kind: "live"; readonly fingerprint: string | null };

const deployment = v.object({ versions: v.array(v.object({ version_id: v.string() })) });
const versions = v.array(
  v.object({
    id: v.string(),
    metadata: v.object({ created_on: v.string() }),
    annotations: v.optional(v.record(v.string(), v.unknown()), {}),
  }),
);
const secretList = v.pipe(v.string(), v.parseJson(), v.array(v.object({ name: v.string() })));
const TAG = "workers/tag";
/** Cloudflare's words for a script that is not there. */
const ABSENT = /10007|does not exist on your account|has no deployments/;

/**
 * Deploys what has changed of the pool's scripts, those that are called before those that call. Objects of a pool that was one script go over
 * to the scripts that have their classes now.
 * @param pool its name, as in `wrangler.toml`
 */
export async function rollOut(pool: string, ports: RolloutPorts): Promise<RolloutOutcome> {
  const deployed: string[] = [];
  const failed = (script: string, reason: string): RolloutOutcome => ({ kind: "failed", script, reason, deployed });
  const live = new Map<PoolScript, Live>();
  for (const script of POOL_SCRIPTS) {
    const found = await liveOf(nameOf(pool, script), ports);
    if (typeof found === "string") return failed(nameOf(pool, script), found);
    live.set(script, found);
  }
  // The page keeps the pool's name, and is deployed last: where it is there and others are not, it was the whole pool.
  const wasOneScript = POOL_SCRIPTS.some((script) => script.suffix === "" && isThere(live.get(script)));
  if (wasOneScript) {
    const missing = await missingSecrets(
      pool,
      POOL_SCRIPTS.filter((script) => !isThere(live.get(script))),
      ports,
    );
    if (missing !== null) return failed(pool, missing);
  }
  for (const script of POOL_SCRIPTS) {
    const name = nameOf(pool, script);
    const before = live.get(script);
    const origin = wasOneScript && !isThere(before) ? "transferred" : "new";
    const { config, fingerprint } = await ports.prepare(script, origin);
    const secrets = await ports.secretsFile(script);
    if (before?.kind === "live" && before.fingerprint === fingerprint && secrets === null) {
      ports.say(`${name}: unchanged, its objects and connections stay`);
      continue;
    }
    ports.say(`${name}: ${isThere(before) ? "deploying what has changed" : "deploying it for the first time"} …`);
    const withSecrets = secrets === null ? [] : ["--secrets-file", secrets];
    const run = await ports.wrangler(["deploy", "--config", config, "--tag", fingerprint, ...withSecrets]);
    if (run.code !== 0) return failed(name, `${run.stderr}${run.stdout}`.trim());
    deployed.push(name);
  }
  await nameLeftSecrets(pool, deployed, ports);
  return { kind: "done", deployed };
}

const isThere = (live: Live | undefined): boolean => live?.kind === "live";

/** Secrets that a script was given by a version of before and has no use for: whoever broke into it would have them. Not deleted unasked: there may be no copy. */
async function nameLeftSecrets(pool: string, deployed: readonly string[], ports: RolloutPorts): Promise<void> {
  const known = new Set(POOL_SCRIPTS.flatMap(({ secrets }) => secrets));
  for (const script of POOL_SCRIPTS) {
    const name = nameOf(pool, script);
    if (!deployed.includes(name)) continue;
    const list = await ports.wrangler(["secret", "list", "--name", name]);
    const found = v.safeParse(secretList, list.stdout);
    if (!found.success) continue;
    for (const { name: secret } of found.output)
      if (known.has(secret) && !script.secrets.includes(secret))
        ports.say(`${name} has ${secret} and no use for it: npx wrangler secret delete ${secret} --name ${name}`);
  }
}

/** A script that is made beside a pool that has secrets must have them too: without those of Upstash it would keep other books. */
async function missingSecrets(pool: string, made: readonly PoolScript[], ports: RolloutPorts): Promise<string | null> {
  if (made.length === 0) return null;
  const list = await ports.wrangler(["secret", "list", "--name", pool]);
  const known = v.safeParse(secretList, list.stdout);
  if (list.code !== 0 || !known.success) return `its secrets cannot be listed: ${list.stderr}${list.stdout}`.trim();
  const names = new Set(known.output.map(({ name }) => name));
  for (const name of ports.supplied) names.delete(name);
  const missing = made.flatMap((script) => script.secrets).filter((name) => names.has(name));
  if (missing.length === 0) return null;
  return `Cloudflare hands out no secrets, and the new scripts need these of ${pool}'s: ${[...new Set(missing)].join(", ")}. Give them: npm run deploy -- --secrets-file FILE, as JSON`;
}

/** @returns why it cannot be told, as a text */
async function liveOf(name: string, ports: RolloutPorts): Promise<Live | string> {
  const status = await ports.wrangler(["deployments", "status", "--name", name, "--json"]);
  const said = `${status.stderr}${status.stdout}`;
  if (status.code !== 0) return ABSENT.test(said) ? { kind: "absent" } : said.trim();
  const list = await ports.wrangler(["versions", "list", "--name", name, "--json"]);
  const current = v.safeParse(v.pipe(v.string(), v.parseJson(), deployment), status.stdout);
  const known = v.safeParse(v.pipe(v.string(), v.parseJson(), versions), list.stdout);
  // What is deployed is not known: it is deployed anew.
  if (!current.success || !known.success) return { kind: "live", fingerprint: null };
  const [one] = current.output.versions;
  const own = known.output.find(({ id }) => id === one?.version_id);
  // A secret that was set made a version of the same code, without a tag.
  const tagged = known.output
    .filter(({ metadata, annotations }) => own && metadata.created_on <= own.metadata.created_on && annotations[TAG])
    .toSorted((a, b) => (a.metadata.created_on < b.metadata.created_on ? 1 : -1));
  const tag = tagged[0]?.annotations[TAG];
  return { kind: "live", fingerprint: typeof tag === "string" ? tag : null };
}

/** What to do about a deployment that Cloudflare refuses, for somebody who does this for the first time; null where its own words must do. */
export function firstDeployAdvice(reason: string): string | null {
  const known = ADVICE.find(([pattern]) => pattern.test(reason));
  return known?.[1] ?? null;
}

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /100328|CPU limits are not supported/i,
    "The account is on the Free plan, whose 10 ms of CPU verify no share. The pool needs Workers Paid ($5 a month): dash.cloudflare.com, Workers, Plans.",
  ],
  [
    /10061|script_name|Cannot create binding/i,
    "A script that this one calls is not there. Deploy all of them with npm run deploy, which knows the order; wrangler deploy alone does not.",
  ],
  [
    /kv.*(permission|authoriz|forbidden)|10000.*Authentication/i,
    "The API token may not do that. It needs Workers Scripts: Edit and Workers KV Storage: Edit, and Zone Workers Routes: Edit where wrangler.toml has routes.",
  ],
  [
    /10064|not logged in|CLOUDFLARE_API_TOKEN/i,
    "Wrangler knows no account: npx wrangler login, or CLOUDFLARE_API_TOKEN in the environment.",
  ],
];

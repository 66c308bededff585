import { ConfigError } from "../config-problem.ts";
import { parseConfig } from "../parse-config.ts";
import { isRecord } from "../stratum/json-rpc.ts";
import { isTable, MEMBERS } from "./members.ts";

/** What no config.json has and this pool needs, or needs otherwise. */
export interface ImportOptions {
  /** Takes the place of `network`, which open-ethereum-pool does not have. */
  readonly chain: string | null;
  /** Public addresses of nodes by upstream name, where the file has addresses of a LAN. */
  readonly upstreams: ReadonlyMap<string, string>;
  /** `unlocker.accounts`: what the nodes mine for. */
  readonly accounts: readonly string[];
}

/** A member and what became of it. */
interface MemberFate {
  readonly member: string;
  /** Null: none. */
  readonly setting: string | null;
  /** Why there is none, or what is different; may be empty. */
  readonly note: string;
}

/** Why a file cannot be used: which member, what stood there (secrets redacted), what is allowed. */
interface ImportProblem {
  readonly member: string;
  readonly found: string;
  readonly allowed: string;
}

/** A secret that has to be given by `npm run secret`. */
interface SecretStep {
  readonly secret: string;
  readonly why: string;
}

export type ImportResult =
  | {
      readonly kind: "imported";
      /** Accepted by `parseConfig`, as soon as the secrets are there. */
      readonly settings: Readonly<Record<string, unknown>>;
      /** In the file's order. */
      readonly members: readonly MemberFate[];
      /** Paths of members that none of these pools reads. */
      readonly unknown: readonly string[];
      readonly secrets: readonly SecretStep[];
      /** What else has to be done before the first start. */
      readonly before: readonly string[];
    }
  | { readonly kind: "refused"; readonly problems: readonly ImportProblem[] };

/** What the walk over the file collects. */
interface Walk {
  readonly options: ImportOptions;
  readonly settings: Record<string, unknown>;
  readonly members: MemberFate[];
  readonly unknown: string[];
  readonly problems: ImportProblem[];
  readonly secrets: SecretStep[];
  readonly before: string[];
  /** Member by the setting that it became. */
  readonly sources: Map<string, string>;
}

/** Stands for the key of the paying account while the settings are parsed. */
const ANY_KEY = "1".padStart(64, "0");
/** How to give what the file cannot, by setting. */
const FLAGS: readonly (readonly [setting: RegExp, flag: string])[] = [
  [/^chain$/, "--chain NAME"],
  [/^upstream\.\d+\.url$/, "--upstream NAME=URL"],
  [/^unlocker\.accounts/, "--account 0x…"],
];

const typeOf = (value: unknown): string =>
  Array.isArray(value) ? "a list" : isRecord(value) ? "a table" : typeof value;

function set(settings: Record<string, unknown>, path: string, value: unknown): void {
  const [name = "", ...rest] = path.split(".");
  if (rest.length === 0) settings[name] = value;
  else {
    const inner = settings[name];
    const table = isRecord(inner) ? inner : {};
    settings[name] = table;
    set(table, rest.join("."), value);
  }
}

const isOn = (file: Readonly<Record<string, unknown>>, module: string): boolean => {
  const table = file[module];
  return isRecord(table) && table["enabled"] === true;
};

/** Credentials do not stay in a URL: variables are shown in Cloudflare's dashboard. */
function withoutCredentials(text: string, name: unknown, walk: Walk): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  if (!url.username && !url.password) return text;
  url.username = "";
  url.password = "";
  walk.secrets.push({
    secret: "UPSTREAM_SECRETS",
    why: `JSON: {"${String(name)}":{"username":"…","password":"…"}}, which stood in the URL of this upstream`,
  });
  return url.href;
}

function upstreamOf(list: unknown, walk: Walk): unknown {
  if (!Array.isArray(list)) return list;
  const names = new Set(list.map((node: unknown) => (isRecord(node) ? node["name"] : undefined)));
  for (const name of walk.options.upstreams.keys())
    if (!names.has(name))
      walk.problems.push({
        member: "upstream",
        found: `none with the name ${name}`,
        allowed: `--upstream with one of ${[...names].map(String).join(", ")}`,
      });
  return list.map((node: unknown, at) => {
    if (!isRecord(node)) return node;
    const { name, url: written, timeout, ...others } = node;
    walk.unknown.push(...Object.keys(others).map((other) => `upstream.${at}.${other}`));
    const url = walk.options.upstreams.get(String(name)) ?? written;
    return {
      name,
      url: typeof url === "string" ? withoutCredentials(url, name, walk) : url,
      ...(timeout === undefined || timeout === null ? {} : { timeout }),
    };
  });
}

/** A member's value as the setting has it; undefined: it sets nothing, and `why` stands in `note`. */
function valueOf(member: string, value: unknown, walk: Walk, file: Readonly<Record<string, unknown>>) {
  switch (member) {
    case "upstream":
      return { value: upstreamOf(value, walk) };
    case "network":
      return walk.options.chain === null ? { value } : { why: "--chain takes its place" };
    case "proxy.debug":
      return { value: typeof value === "boolean" ? (value ? "debug" : "info") : value };
    case "unlocker.poolFee":
      return { value: typeof value === "number" ? String(value) : value };
    case "payouts.address":
      return typeof value === "string" && /^(?:0x0*)?$/.test(value) ? { why: "it is no address" } : { value };
    case "pplns":
      return isOn(file, "unlocker")
        ? { value: "pplns" }
        : { why: "unlocker.enabled is not true here, and other unlockers know no pplns of this pool's" };
    default:
      return { value };
  }
}

function visit(table: Readonly<Record<string, unknown>>, prefix: string, walk: Walk, file = table): void {
  for (const [name, value] of Object.entries(table)) {
    const member = `${prefix}${name}`;
    const rule = name.includes(".") ? undefined : MEMBERS.get(member);
    // As in Go, null is not set.
    if (value === null) continue;
    if (rule === undefined && !isTable(member)) walk.unknown.push(member);
    else if (rule === undefined && isRecord(value)) visit(value, `${member}.`, walk, file);
    else if (rule === undefined) walk.problems.push({ member, found: typeOf(value), allowed: "a table" });
    else if (rule.kind === "none") walk.members.push({ member, setting: null, note: rule.why });
    else if (rule.kind === "secret")
      walk.members.push({ member, setting: null, note: `a secret, not shown: ${rule.why}` });
    else {
      const { value: taken, why } = { why: "", value: undefined, ...valueOf(member, value, walk, file) };
      if (taken === undefined) walk.members.push({ member, setting: null, note: why });
      else {
        set(walk.settings, rule.setting, taken);
        walk.sources.set(rule.setting, member);
        walk.members.push({ member, setting: rule.setting, note: rule.note ?? "" });
      }
    }
  }
}

/** What only the operator can do, for what the file has switched on. */
function addSteps(walk: Walk, file: Readonly<Record<string, unknown>>): void {
  const { secrets, before } = walk;
  if (isRecord(file["redis"])) {
    const why = "only for a ledger on Upstash: without both the embedded one keeps the books";
    secrets.push({ secret: "UPSTASH_REDIS_REST_URL", why }, { secret: "UPSTASH_REDIS_REST_TOKEN", why });
    before.push(
      file["pplns"] === undefined
        ? "Move the books: npm run -s ledger -- export redis://<old server> --out books.jsonl, then import and audit (docs/OPERATING.md)"
        : "The books of open-etc-pool-friends do not fit (docs/OPERATING.md): pay them out there, and begin with new ones here",
    );
  }
  if (isOn(file, "metrics")) secrets.push({ secret: "METRICS_TOKEN", why: "bearer token of /metrics" });
  if (isOn(file, "payouts"))
    secrets.push({
      secret: "PAYOUT_PRIVATE_KEY",
      why: "key of payouts.address; or PAYOUT_SIGNER_URL, a remote signer",
    });
  if (isOn(file, "unlocker") || isOn(file, "payouts"))
    before.push(
      "Stop the old pool's unlocker and payouts for good before you deploy: never let two run on the same books or account",
    );
}

/** Whether the pool would start with it, in the words of the file. */
function check(walk: Walk): void {
  const { settings, sources, problems } = walk;
  const payouts = settings["payouts"];
  const pays = isRecord(payouts) && payouts["enabled"] === true;
  try {
    parseConfig({ ...settings, ...(pays ? { PAYOUT_PRIVATE_KEY: ANY_KEY } : {}) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { variable, found, allowed } of error.problems) {
      const flag = FLAGS.find(([setting]) => setting.test(variable))?.[1];
      const source = sources.get(variable) ?? (variable === "chain" ? "network" : variable);
      problems.push({ member: source, found, allowed: flag === undefined ? allowed : `${allowed}; or give ${flag}` });
    }
  }
}

/** What a parser stopped at. Its own message quotes the text, and with it perhaps a password. */
function stoppedAt(json: string, { message }: SyntaxError): string {
  if (json.trim() === "") return "nothing";
  if (/end of JSON/.test(message)) return "its end in the middle of it";
  return `something else at ${/line \d+ column \d+/.exec(message)?.[0] ?? "a place that the parser does not name"}`;
}

/**
 * Makes this pool's settings of the config.json of open-ethereum-pool, core-pool, open-etc-pool or open-etc-pool-friends.
 * @param json text of the file
 * @returns settings that `parseConfig` accepts, or everything that it would refuse, by member
 */
export function importConfig(json: string, options: ImportOptions): ImportResult {
  let file: unknown;
  try {
    file = JSON.parse(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const found = stoppedAt(json, error);
    return { kind: "refused", problems: [{ member: "the file", found, allowed: "JSON without comments" }] };
  }
  if (!isRecord(file))
    return { kind: "refused", problems: [{ member: "the file", found: typeOf(file), allowed: "a table" }] };
  const walk: Walk = {
    options,
    settings: {},
    members: [],
    unknown: [],
    problems: [],
    secrets: [],
    before: [],
    sources: new Map(),
  };
  visit(file, "", walk);
  if (options.chain !== null) set(walk.settings, "chain", options.chain);
  if (options.accounts.length > 0) set(walk.settings, "unlocker.accounts", options.accounts);
  addSteps(walk, file);
  check(walk);
  const { settings, members, unknown, problems, secrets, before } = walk;
  return problems.length > 0
    ? { kind: "refused", problems }
    : { kind: "imported", settings, members, unknown, secrets, before };
}

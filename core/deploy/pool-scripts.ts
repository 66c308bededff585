import * as v from "valibot";

/** One of the scripts that the pool is deployed as. */
export interface PoolScript {
  /** Behind the pool's name; empty for the page, which keeps it. */
  readonly suffix: string;
  /** Below `worker/scripts/`, without extension. */
  readonly entry: "page" | "sessions" | "verifiers" | "payouts";
  readonly classes: readonly string[];
  /** Secrets that it has a use for; no other script gets them. */
  readonly secrets: readonly string[];
}

/** All of them read the books and ask nodes. */
const COMMON = ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "UPSTREAM_SECRETS"];

/** Settings that only some scripts get: one that asks for a secret would be wrong where the secret is not. */
const SETTINGS_OF: Readonly<Record<string, PoolScript["entry"]>> = { notifications: "page" };

/**
 * In the order in which they are deployed: each calls only those before it (`test/core/deploy/pool-scripts.test.ts`), so that a first
 * deployment binds to nothing that is not there, and who is called is never older than who calls (docs/decisions, "Four scripts").
 */
export const POOL_SCRIPTS: readonly PoolScript[] = [
  {
    suffix: "-verifiers",
    entry: "verifiers",
    classes: ["ShareVerifier", "EmbeddedRedis"],
    secrets: COMMON,
  },
  {
    suffix: "-payouts",
    entry: "payouts",
    classes: ["Unlocker", "Payer"],
    secrets: [...COMMON, "PAYOUT_PRIVATE_KEY", "PAYOUT_SIGNER_URL"],
  },
  {
    suffix: "-sessions",
    entry: "sessions",
    classes: ["MinerSession", "BlockTemplate", "IpGuard", "ExtranonceAllocator"],
    secrets: [...COMMON, "BRIDGE_TOKEN"],
  },
  {
    suffix: "",
    entry: "page",
    classes: ["PoolApi", "AccountApi", "PoolAdmin", "Notifier"],
    secrets: [
      ...COMMON,
      "NOTIFY_TOKEN",
      "METRICS_TOKEN",
      "ADMIN_TOKEN",
      "REDIS_TOKEN",
      "REDIS_READ_TOKEN",
      "NOTIFICATION_KEY",
      "NOTIFICATION_TARGETS",
      "TELEGRAM_BOT_TOKEN",
      "MAIL_API_KEY",
    ],
  },
];

/** Classes that a script calls, its own included. */
const CALLED: Readonly<Record<PoolScript["entry"], readonly string[]>> = {
  verifiers: ["ShareVerifier", "EmbeddedRedis"],
  payouts: ["Unlocker", "Payer", "EmbeddedRedis"],
  sessions: ["MinerSession", "BlockTemplate", "IpGuard", "ExtranonceAllocator", "ShareVerifier", "EmbeddedRedis"],
  page: POOL_SCRIPTS.flatMap(({ classes }) => classes),
};

/** Scripts that a script calls, itself apart. */
export function calledScripts(entry: PoolScript["entry"]): PoolScript["entry"][] {
  return POOL_SCRIPTS.filter(
    (one) => one.entry !== entry && one.classes.some((className) => CALLED[entry].includes(className)),
  ).map((one) => one.entry);
}

/** Of `wrangler.toml`, what becomes the configuration of a script. */
const migration = v.looseObject({
  tag: v.string(),
  new_sqlite_classes: v.optional(v.array(v.string()), []),
  renamed_classes: v.optional(v.array(v.object({ from: v.string(), to: v.string() })), []),
});
const routeTable = v.looseObject({
  pattern: v.string(),
  zone_name: v.optional(v.string()),
  zone_id: v.optional(v.string()),
});
const wholePool = v.object({
  name: v.string(),
  compatibility_date: v.string(),
  keep_names: v.optional(v.boolean()),
  vars: v.record(v.string(), v.unknown()),
  triggers: v.unknown(),
  limits: v.unknown(),
  observability: v.unknown(),
  assets: v.looseObject({ directory: v.string() }),
  kv_namespaces: v.array(v.looseObject({ binding: v.string(), id: v.optional(v.string()) })),
  durable_objects: v.object({ bindings: v.array(v.object({ name: v.string(), class_name: v.string() })) }),
  migrations: v.array(migration),
  routes: v.optional(v.array(v.union([v.string(), routeTable]))),
  workers_dev: v.optional(v.boolean()),
});
type WholePool = v.InferOutput<typeof wholePool>;

/** Where a configuration is written and what it refers to, as paths of the file that it becomes. */
export interface ConfigPlace {
  /** Of the repository, from the folder of the file. */
  readonly root: string;
}

/** How a script comes to its classes: made anew, or taken over from the one script that a pool of an earlier version was. */
export type ClassOrigin = "new" | "transferred";

/**
 * The configuration of one script, as JSON for Wrangler, made of the whole pool's `wrangler.toml`: settings and names are in one place only.
 * @param whole as Wrangler reads it
 */
export function scriptConfig(
  whole: unknown,
  script: PoolScript,
  { root }: ConfigPlace,
  origin: ClassOrigin = "new",
): Readonly<Record<string, unknown>> {
  const pool = v.parse(wholePool, whole);
  const { entry } = script;
  const called = pool.durable_objects.bindings.filter(({ class_name }) => CALLED[entry].includes(class_name));
  const bindings = called.map(({ name, class_name }) => {
    const owner = ownerOf(class_name);
    return owner === script ? { name, class_name } : { name, class_name, script_name: nameOf(pool.name, owner) };
  });
  const marks = entry === "page" || entry === "sessions";
  return {
    name: nameOf(pool.name, script),
    main: `${root}/worker/scripts/${entry}.ts`,
    compatibility_date: pool.compatibility_date,
    ...(pool.keep_names !== undefined && { keep_names: pool.keep_names }),
    send_metrics: false,
    vars: settingsFor(script, pool.vars),
    limits: pool.limits,
    observability: pool.observability,
    durable_objects: { bindings, code_update_strategy: updatesOf(entry) },
    migrations: migrationsOf(pool, script, origin),
    ...(marks && { kv_namespaces: pool.kv_namespaces }),
    ...(entry === "page" && {
      triggers: pool.triggers,
      assets: { ...pool.assets, directory: `${root}/web/dist` },
      services: [{ binding: "SESSIONS", service: nameOf(pool.name, scriptOf("sessions")) }],
    }),
    ...routesOf(pool, entry),
  };
}

/** Of the pool's settings, those that a script gets. */
export function settingsFor<Value>(
  { entry }: PoolScript,
  settings: Readonly<Record<string, Value>>,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => (SETTINGS_OF[name] ?? entry) === entry));
}

/** Name of a script on Cloudflare. @param pool as in `wrangler.toml` */
export function nameOf(pool: string, { suffix }: PoolScript): string {
  return `${pool}${suffix}`;
}

function scriptOf(entry: PoolScript["entry"]): PoolScript {
  const script = POOL_SCRIPTS.find((one) => one.entry === entry);
  if (script === undefined) throw new Error(`there is no script ${entry}`);
  return script;
}

/** @throws Error for a class of `wrangler.toml` that no script has */
function ownerOf(className: string): PoolScript {
  const owner = POOL_SCRIPTS.find(({ classes }) => classes.includes(className));
  if (owner === undefined) throw new Error(`${className} of wrangler.toml is in none of the pool's scripts`);
  return owner;
}

/** The last migration of before there were several scripts; what it had made is where each script begins. */
const BEFORE_THE_CUT = "v5";

/**
 * Migrations of one script. The page's begin under the tag that the one script of before has, so that they do nothing there; the others
 * make their classes, or take them over. Later ones are those of `wrangler.toml`, as far as they are about classes of the script.
 */
function migrationsOf({ name, migrations }: WholePool, script: PoolScript, origin: ClassOrigin): object[] {
  const at = migrations.findIndex(({ tag }) => tag === BEFORE_THE_CUT) + 1;
  const later = migrations.slice(at).flatMap(({ tag, new_sqlite_classes: made, renamed_classes: renamed }) => {
    const own = made.filter((className) => script.classes.includes(className));
    const ownRenamed = renamed.filter(({ to }) => script.classes.includes(to));
    if (own.length + ownRenamed.length === 0) return [];
    return [
      {
        tag,
        ...(own.length > 0 && { new_sqlite_classes: own }),
        ...(ownRenamed.length > 0 && { renamed_classes: ownRenamed }),
      },
    ];
  });
  const laterClasses = new Set(migrations.slice(at).flatMap(({ new_sqlite_classes: made }) => made));
  const first = script.classes.filter((className) => !laterClasses.has(className));
  const isTransfer = origin === "transferred" && script.suffix !== "";
  const transferred = first.map((className) => ({ from: className, from_script: name, to: className }));
  return [
    { tag: BEFORE_THE_CUT, ...(isTransfer ? { transferred_classes: transferred } : { new_sqlite_classes: first }) },
    ...later,
  ];
}

/** Who is connected is moved one after the other within five minutes, which spreads the reconnects; the others hold nobody, and mix no versions. */
const updatesOf = (entry: PoolScript["entry"]) =>
  entry === "sessions" ? { mode: "deferred", max_delay: 300 } : { mode: "immediate" };

/**
 * With routes or a domain of a zone, miners go to the sessions' script and the page has the rest: a route comes before a custom domain, and the
 * longer pattern wins. Without any, the page is on
 * workers.dev and passes miners on. The other scripts have no address.
 */
function routesOf({ routes = [], workers_dev: workersDev }: WholePool, entry: PoolScript["entry"]): object {
  if (entry === "page")
    return { ...(routes.length > 0 && { routes }), ...(workersDev !== undefined && { workers_dev: workersDev }) };
  if (entry !== "sessions" || routes.length === 0) return { workers_dev: false };
  const miners = routes.flatMap((route): (string | object)[] => {
    const { pattern, zone_name: zoneName, zone_id: zoneId } = typeof route === "string" ? { pattern: route } : route;
    const host = pattern.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
    const zone = zoneName !== undefined ? { zone_name: zoneName } : zoneId !== undefined ? { zone_id: zoneId } : null;
    const paths = [`${host}/stratum*`, `${host}/0x*`];
    // Without a zone Wrangler takes texts only, and finds it by the host.
    return zone === null ? paths : paths.map((path) => Object.assign({ pattern: path }, zone));
  });
  return { workers_dev: false, routes: miners };
}

/** Whether zone routes lead miners past the page, so that no deployment of it is theirs. */
export function leadsPastThePage(whole: unknown): boolean {
  return "routes" in routesOf(v.parse(wholePool, whole), "sessions");
}

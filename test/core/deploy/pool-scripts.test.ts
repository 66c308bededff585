import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unstable_readConfig } from "wrangler";
import { isSecretSetting, settingNames } from "../../../core/config-schema.ts";
import { parseConfig } from "../../../core/parse-config.ts";
import { planSecrets } from "../../../scripts/setup/secrets.ts";
import { leadsPastThePage, POOL_SCRIPTS, scriptConfig } from "../../../core/deploy/pool-scripts.ts";

const ROOT = join(import.meta.dirname, "../../..");
type Binding = { name: string; class_name: string; script_name?: string };
const WHOLE = unstable_readConfig({ config: join(ROOT, "wrangler.toml") });
const BOUND: readonly Binding[] = WHOLE.durable_objects.bindings;

interface Config {
  name: string;
  vars: object;
  durable_objects: { bindings: Binding[] };
  migrations: { tag: string; new_sqlite_classes?: string[]; transferred_classes?: object[] }[];
  routes?: unknown;
  workers_dev?: boolean;
  kv_namespaces?: object[];
}
const configOf = (entry: string, whole: object = WHOLE, origin: "new" | "transferred" = "new"): Config => {
  const script = POOL_SCRIPTS.find((one) => one.entry === entry);
  if (script === undefined) throw new Error(`no script ${entry}`);
  return JSON.parse(JSON.stringify(scriptConfig(whole, script, { root: "." }, origin)));
};

const having = (secret: string) =>
  POOL_SCRIPTS.filter(({ secrets }) => secrets.includes(secret)).map(({ entry }): string => entry);

/** Wrangler reads a configuration of ours, or throws with what is wrong. */
async function accepted(config: Config): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "edgepool-config-"));
  try {
    const path = join(folder, "wrangler.json");
    await writeFile(path, JSON.stringify(config));
    unstable_readConfig({ config: path });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A file and all that it imports, types apart. */
async function reached(file: string, known = new Set<string>()): Promise<Set<string>> {
  if (known.has(file) || !file.endsWith(".ts")) return known;
  known.add(file);
  const text = await readFile(file, "utf8");
  for (const [, path = ""] of text.matchAll(/^(?:import|export)(?! type)[^;]*? from "(\.[^"]+)";/gm))
    await reached(join(file, "..", path), known);
  return known;
}

describe("the pool's scripts", () => {
  it("get no secret that they have no use for: the key that pays goes to the script that pays alone", async () => {
    const all = ["verifiers", "payouts", "sessions", "page"];
    const several: Record<string, string[]> = {
      PAYOUT_PRIVATE_KEY: ["payouts"],
      PAYOUT_SIGNER_URL: ["payouts"],
      BRIDGE_TOKEN: ["sessions"],
      UPSTASH_REDIS_REST_URL: all,
      UPSTASH_REDIS_REST_TOKEN: all,
      UPSTREAM_SECRETS: all,
    };
    const names = [...settingNames].filter(isSecretSetting);
    expect(Object.fromEntries(names.map((name) => [name, having(name)]))).toEqual({
      ...Object.fromEntries(names.map((name) => [name, ["page"]])),
      ...several,
    });
  });

  it("have settings that they can run with, each with its own secrets alone", () => {
    const whole = {
      ...WHOLE,
      vars: {
        ...WHOLE.vars,
        upstream: [{ name: "main", url: "https://geth.example.org" }],
        unlocker: { enabled: true, accounts: [`0x${"ab".repeat(20)}`] },
        payouts: { enabled: true, address: `0x${"ab".repeat(20)}` },
        notifications: {
          miners: true,
          targets: [
            { name: "phone", kind: "telegram", to: "1" },
            { name: "ops", kind: "webhook" },
          ],
        },
      },
    };
    const secrets: Record<string, unknown> = {
      PAYOUT_PRIVATE_KEY: "42".repeat(32),
      BRIDGE_TOKEN: "the-bridge-of-this-test",
      NOTIFICATION_KEY: "signs-webhooks-of-this-test",
      NOTIFICATION_TARGETS: { ops: "https://alerts.example.org/" },
      TELEGRAM_BOT_TOKEN: "1:abcdefghijkl",
    };
    for (const script of POOL_SCRIPTS) {
      const own = Object.fromEntries(Object.entries(secrets).filter(([name]) => script.secrets.includes(name)));
      const config = parseConfig({ ...configOf(script.entry, whole).vars, ...own });
      expect([script.entry, config.payer?.key ?? null, config.notifications === null]).toEqual([
        script.entry,
        script.entry === "payouts" ? secrets["PAYOUT_PRIVATE_KEY"] : null,
        script.entry !== "page",
      ]);
    }
  });

  it("get every secret that there is, and setup takes each from the environment", () => {
    const secrets = [...settingNames].filter(isSecretSetting).toSorted();
    const given = new Set(POOL_SCRIPTS.flatMap((script) => script.secrets));
    expect([...given].toSorted()).toEqual(secrets);
    const plan = planSecrets(Object.fromEntries(secrets.map((name) => [name, "given"])), null, {});
    expect(Object.keys(plan.values).toSorted()).toEqual(secrets);
  });

  it("have every class of wrangler.toml once, and export what they have", async () => {
    const classes = POOL_SCRIPTS.flatMap((script) => script.classes);
    const bound = BOUND.map(({ class_name }) => class_name);
    expect(classes.toSorted()).toEqual(bound.toSorted());
    for (const { entry, classes: own } of POOL_SCRIPTS) {
      const text = await readFile(join(ROOT, "worker/scripts", `${entry}.ts`), "utf8");
      const exported = [...text.matchAll(/^export \{ (\w+) \}/gm)].map(([, name]) => String(name));
      expect(exported.toSorted(), entry).toEqual(own.toSorted());
    }
  });

  it("bind only to scripts that are deployed before them: there is no cycle", () => {
    for (const [at, { entry }] of POOL_SCRIPTS.entries()) {
      const before = POOL_SCRIPTS.slice(0, at).map(({ suffix }) => `edgepool${suffix}`);
      const { durable_objects: objects } = configOf(entry);
      const others = objects.bindings.flatMap(({ script_name: other }) => (other === undefined ? [] : [other]));
      expect(before, entry).toEqual(expect.arrayContaining(others));
    }
  });

  it("use no binding that they do not have", async () => {
    for (const { entry } of POOL_SCRIPTS) {
      const bound = configOf(entry).durable_objects.bindings.map(({ name }) => name);
      const files = await reached(join(ROOT, "worker/scripts", `${entry}.ts`));
      const used = new Set<string>();
      for (const file of files)
        if (/\/(worker|durable-objects)\//.test(file))
          for (const [, name = ""] of (await readFile(file, "utf8")).matchAll(/\benv\.([A-Z][A-Z_]+[A-Z])\b/g))
            used.add(name);
      for (const name of BOUND.map((one) => one.name))
        if (used.has(name)) expect(bound, `${entry} uses ${name}`).toContain(name);
    }
  });

  it("share the settings and what tells that the pool was started; the page alone has an address where there is no zone", () => {
    for (const { entry } of POOL_SCRIPTS) {
      expect(configOf(entry).vars).toEqual(JSON.parse(JSON.stringify(WHOLE.vars)));
      expect(configOf(entry).workers_dev, entry).toBe(entry === "page" ? undefined : false);
      expect(configOf(entry).kv_namespaces !== undefined).toBe(entry === "page" || entry === "sessions");
    }
  });

  it("lead miners past the page where wrangler.toml has routes or a custom domain, as setup writes it, in Wrangler's words", async () => {
    const routes = [{ pattern: "pool.example.org/*", zone_name: "example.org" }];
    const zoned = { ...WHOLE, routes };
    expect(configOf("page", zoned).routes).toEqual(routes);
    expect(configOf("sessions", zoned)).toMatchObject({
      workers_dev: false,
      routes: [
        { pattern: "pool.example.org/stratum*", zone_name: "example.org" },
        { pattern: "pool.example.org/0x*", zone_name: "example.org" },
      ],
    });
    expect(configOf("verifiers", zoned).routes).toBeUndefined();
    const domain = { ...WHOLE, routes: [{ pattern: "pool.example.org", custom_domain: true }] };
    const bare = ["pool.example.org/stratum*", "pool.example.org/0x*"];
    expect(configOf("page", domain).routes).toEqual(domain.routes);
    expect(configOf("sessions", domain).routes).toEqual(bare);
    expect(configOf("sessions", { ...WHOLE, routes: ["https://pool.example.org/*"] }).routes).toEqual(bare);
    const named = { ...WHOLE, routes: [{ ...domain.routes[0], zone_name: "example.org" }] };
    expect(configOf("sessions", named)).toMatchObject({ routes: [{ pattern: "pool.example.org/stratum*" }, {}] });
    expect([WHOLE, zoned, domain, named].map(leadsPastThePage)).toEqual([false, true, true, true]);
    for (const whole of [zoned, domain, named]) await accepted(configOf("sessions", whole));
  });

  it("take over the classes of a pool that was one script, whose own migrations go on where they were", () => {
    expect(configOf("payouts").migrations[0]).toEqual({ tag: "v5", new_sqlite_classes: ["Unlocker", "Payer"] });
    expect(configOf("payouts", WHOLE, "transferred").migrations[0]).toEqual({
      tag: "v5",
      transferred_classes: [
        { from: "Unlocker", from_script: "edgepool", to: "Unlocker" },
        { from: "Payer", from_script: "edgepool", to: "Payer" },
      ],
    });
    expect(configOf("page", WHOLE, "transferred").migrations).toEqual(configOf("page").migrations);
  });

  it("get later migrations as far as they are about them", () => {
    const migrations = [...WHOLE.migrations, { tag: "v99", renamed_classes: [{ from: "Old", to: "Payer" }] }];
    const tags = (entry: string) => configOf(entry, { ...WHOLE, migrations }).migrations.map(({ tag }) => tag);
    expect([tags("payouts").at(-1), tags("page").includes("v99")]).toEqual(["v99", false]);
  });

  it("are all that is below worker/scripts", async () => {
    const files = await readdir(join(ROOT, "worker/scripts"));
    expect(files.toSorted()).toEqual(POOL_SCRIPTS.map(({ entry }) => `${entry}.ts`).toSorted());
  });
});

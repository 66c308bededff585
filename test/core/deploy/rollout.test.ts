import { describe, expect, it } from "vitest";
import { POOL_SCRIPTS } from "../../../core/deploy/pool-scripts.ts";
import { firstDeployAdvice, rollOut } from "../../../core/deploy/rollout.ts";

const ALL = ["pool-verifiers", "pool-payouts", "pool-sessions", "pool"];

const ok = (value: unknown) => ({ code: 0, stdout: JSON.stringify(value), stderr: "" });

/** An account: scripts with the tags of their versions, oldest first; null for a version that a secret made. */
class Account {
  readonly scripts = new Map<string, (string | null)[]>();
  readonly origins: string[] = [];
  readonly said: string[] = [];
  /** Whose secrets were asked for. */
  readonly asked: string[] = [];
  secrets: string[] = [];
  supplied: string[] = [];
  refuses: { readonly script: string; readonly reason: string } | null = null;
  fingerprints = new Map<string, string>();

  async rollOut() {
    return await rollOut("pool", {
      supplied: this.supplied,
      wrangler: async (args) => this.#wrangler(args),
      prepare: async (script, origin) => {
        this.origins.push(`${script.entry} ${origin}`);
        return { config: `pool${script.suffix}`, fingerprint: this.fingerprints.get(script.entry) ?? "one" };
      },
      secretsFile: async ({ secrets }) =>
        secrets.some((name) => this.supplied.includes(name)) ? "/secrets.json" : null,
      say: (text) => void this.said.push(text),
    });
  }

  #wrangler(args: readonly string[]) {
    const [command, kind, , name = ""] = args;
    if (command === "secret") this.asked.push(name);
    if (command === "secret") return ok(this.secrets.map((secret) => ({ name: secret })));
    if (command === "deploy") {
      const config = args[2] ?? "";
      if (this.refuses?.script === config) return { code: 1, stdout: "", stderr: this.refuses.reason };
      this.scripts.set(config, [...(this.scripts.get(config) ?? []), args[4] ?? null]);
      return ok(null);
    }
    const tags = this.scripts.get(name);
    if (tags === undefined)
      return { code: 1, stdout: "", stderr: "This Worker does not exist on your account. [code: 10007]" };
    if (command === "deployments" && kind === "status")
      return ok({ versions: [{ version_id: `v${tags.length - 1}` }] });
    return ok(
      tags.map((tag, at) => ({
        id: `v${at}`,
        metadata: { created_on: `2026-11-26T00:00:0${at}Z` },
        annotations: tag === null ? {} : { "workers/tag": tag },
      })),
    );
  }
}

describe("a deployment", () => {
  it("brings every script the first time, who is called before who calls, and nothing the second time", async () => {
    const account = new Account();
    expect(await account.rollOut()).toEqual({ kind: "done", deployed: ALL });
    expect(account.origins).toEqual(["verifiers new", "payouts new", "sessions new", "page new"]);
    expect(await account.rollOut()).toEqual({ kind: "done", deployed: [] });
    expect(account.said.at(-1)).toBe("pool: unchanged, its objects and connections stay");
  });

  it("brings only what has changed, also after a secret was set, which makes a version without a tag", async () => {
    const account = new Account();
    await account.rollOut();
    account.scripts.get("pool-sessions")?.push(null);
    account.fingerprints.set("page", "two");
    expect(await account.rollOut()).toEqual({ kind: "done", deployed: ["pool"] });
  });

  it("takes the classes over from a pool that was one script, and goes on with that after it failed half-way", async () => {
    const account = new Account();
    account.scripts.set("pool", [null]);
    account.refuses = { script: "pool-sessions", reason: "the line broke" };
    expect(await account.rollOut()).toEqual({
      kind: "failed",
      script: "pool-sessions",
      reason: "the line broke",
      deployed: ["pool-verifiers", "pool-payouts"],
    });
    account.refuses = null;
    account.origins.length = 0;
    expect(await account.rollOut()).toEqual({ kind: "done", deployed: ["pool-sessions", "pool"] });
    expect(account.origins).toEqual(["verifiers new", "payouts new", "sessions transferred", "page new"]);
  });

  it("of a pool that was one script and has its books at Upstash is refused before anything is done, until the secrets come along", async () => {
    const account = new Account();
    account.scripts.set("pool", [null]);
    account.secrets = ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "ADMIN_TOKEN"];
    const refused = await account.rollOut();
    expect(refused).toMatchObject({ kind: "failed", deployed: [] });
    expect(JSON.stringify(refused)).toContain("UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN. Give them");
    account.supplied = ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"];
    expect(await account.rollOut()).toEqual({ kind: "done", deployed: ALL });
  });

  it("names secrets that scripts have kept from before and have no use for, with the command that deletes them", async () => {
    const account = new Account();
    account.secrets = ["PAYOUT_PRIVATE_KEY", "UPSTASH_REDIS_REST_URL", "ADMIN_TOKEN", "OF_SOMEBODY_ELSE"];
    await account.rollOut();
    const told = account.said.filter((text) => text.includes("no use for it"));
    expect(told.filter((text) => text.includes("PAYOUT_PRIVATE_KEY"))).toEqual(
      ["pool-verifiers", "pool-sessions", "pool"].map(
        (name) =>
          `${name} has PAYOUT_PRIVATE_KEY and no use for it: npx wrangler secret delete PAYOUT_PRIVATE_KEY --name ${name}`,
      ),
    );
    expect(told.map((text) => text.split(" ")[2])).not.toContain("UPSTASH_REDIS_REST_URL");
    expect(told.some((text) => text.startsWith("pool has ADMIN_TOKEN") || text.includes("SOMEBODY"))).toBe(false);
    account.said.length = 0;
    await account.rollOut();
    expect(account.said.some((text) => text.includes("no use for it"))).toBe(false);
    // Only those that were touched are asked: each question is a call of Wrangler, which takes seconds.
    account.fingerprints.set("page", "two");
    account.asked.length = 0;
    await account.rollOut();
    expect(account.asked).toEqual(["pool"]);
  });

  it("does nothing where it cannot be told what is there", async () => {
    const account = new Account();
    const outcome = await rollOut("pool", {
      supplied: [],
      wrangler: async () => ({ code: 1, stdout: "", stderr: "You are not logged in" }),
      prepare: async () => Promise.reject(new Error("nothing is to be prepared")),
      secretsFile: async () => null,
      say: (text) => void account.said.push(text),
    });
    expect(outcome).toEqual({
      kind: "failed",
      script: `pool${POOL_SCRIPTS[0]?.suffix}`,
      reason: "You are not logged in",
      deployed: [],
    });
  });
});

describe("what to do about a refusal of Cloudflare's", () => {
  it.each([
    ["CPU limits are not supported for the Free plan [code: 100328]", "Workers Paid ($5 a month)"],
    ["Cannot create binding for class ShareVerifier [code: 10061]", "npm run deploy, which knows the order"],
    ["kv namespaces: Authentication error, missing permission", "Workers KV Storage: Edit"],
    ["You are not logged in. Set CLOUDFLARE_API_TOKEN", "npx wrangler login"],
  ])("is said in words: %s", (reason, advice) => {
    expect(firstDeployAdvice(reason)).toContain(advice);
  });

  it("is not made up where it is not known", () => {
    expect(firstDeployAdvice("something new")).toBeNull();
  });
});

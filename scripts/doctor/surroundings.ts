import * as v from "valibot";
import { basicAuth } from "../../core/work/upstream.ts";
import type { DoctorOptions } from "./options.ts";

type Variables = Readonly<Record<string, string | undefined>>;

const access = v.record(
  v.string(),
  v.union([
    v.object({ cfAccessClientId: v.string(), cfAccessClientSecret: v.string() }),
    v.object({ username: v.string(), password: v.string() }),
  ]),
);

const set = (variables: Variables, name: string): string | null => variables[name] || null;

/** What the pool sends to a node, by UPSTREAM_SECRETS. @throws Error where that is no such JSON; its text is not shown */
export function headersFor(upstream: string, variables: Variables): Record<string, string> {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), access), set(variables, "UPSTREAM_SECRETS") ?? "{}");
  if (!parsed.success) throw new Error("UPSTREAM_SECRETS is not the JSON that docs/OPERATING.md describes");
  const mine = parsed.output[upstream];
  if (mine === undefined) return {};
  if ("username" in mine) return basicAuth(mine.username, mine.password);
  return { "CF-Access-Client-Id": mine.cfAccessClientId, "CF-Access-Client-Secret": mine.cfAccessClientSecret };
}

/** The Redis that the environment names; null: none. @throws Error for an address that is none */
export function ledgerFrom(variables: Variables): DoctorOptions["ledger"] {
  const [url, token] = [set(variables, "UPSTASH_REDIS_REST_URL"), set(variables, "UPSTASH_REDIS_REST_TOKEN")];
  if (url === null || token === null) return null;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new Error("UPSTASH_REDIS_REST_URL is no https:// address");
  const [email, key] = [set(variables, "UPSTASH_EMAIL"), set(variables, "UPSTASH_API_KEY")];
  const api = set(variables, "UPSTASH_API_URL") ?? "https://api.upstash.com/v2";
  return { url: url.replace(/\/$/, ""), token, account: email === null || key === null ? null : { email, key, api } };
}

import { parse } from "smol-toml";
import { isRecord } from "../../core/stratum/json-rpc.ts";

/** What the operator wants; undefined where nothing was said: what the environment has stays. */
export interface Answers {
  readonly env: string;
  readonly chain?: string | undefined;
  /** Addresses by upstream name. */
  readonly upstreams: ReadonlyMap<string, string>;
  readonly difficulty?: number | undefined;
  readonly home?: string | undefined;
  readonly domain?: string | undefined;
  /** What the nodes mine for; with one the unlocker is switched on. */
  readonly accounts: readonly string[];
  readonly poolFee?: string | undefined;
  /** For a node on this machine: a dry run may look at one. */
  readonly devnet?: boolean | undefined;
  /** Settings of a file, such as `import-config` writes. */
  readonly file: Readonly<Record<string, unknown>>;
}

/** The settings of a TOML file: `[vars]`, those of an environment, or the file itself. @throws Error for one without any */
export function settingsOf(toml: string): Record<string, unknown> {
  const parsed = parse(toml);
  const [environment] = isRecord(parsed["env"]) ? Object.values(parsed["env"]) : [];
  const vars = parsed["vars"] ?? (isRecord(environment) ? environment["vars"] : undefined);
  if (!isRecord(vars)) throw new Error("the file has no [vars]");
  return vars;
}

/** @param former settings that the environment has @returns those that change */
export function varsFrom(answers: Answers, former: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { chain, upstreams, difficulty, home, accounts, poolFee, devnet, file } = answers;
  const vars: Record<string, unknown> = { ...file };
  if (chain !== undefined) vars["chain"] = chain;
  if (difficulty !== undefined) vars["difficulty"] = difficulty;
  if (home !== undefined) vars["home"] = home;
  if (devnet === true) vars["devnet"] = true;
  if (upstreams.size > 0) {
    const before: unknown[] = [file["upstream"], former["upstream"]].find(Array.isArray) ?? [];
    vars["upstream"] = [...upstreams].map(([name, url]) => {
      const known = before.find((node) => isRecord(node) && node["name"] === name);
      return Object.assign({ timeout: "10s" }, known, { name, url });
    });
  }
  if (accounts.length > 0 || poolFee !== undefined) {
    const unlocker = { ...Object(former["unlocker"]), ...Object(file["unlocker"]) };
    vars["unlocker"] = {
      ...unlocker,
      enabled: true,
      ...(accounts.length === 0 ? {} : { accounts }),
      ...(poolFee === undefined ? {} : { poolFee }),
    };
  }
  return vars;
}

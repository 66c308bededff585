import { type Acquaintance, KnownLogins } from "../../core/policy/known-logins.ts";
import type { Env } from "../env.ts";
import { accessLists } from "./access-lists.ts";
import { loadConfig } from "./config.ts";
import { ledgerClient } from "./ledger-client.ts";
import { systemClock } from "./system-clock.ts";

/** One for an isolate. It holds data only: a request may not use another one's connections. */
const logins = new KnownLogins(systemClock);

/** What is known of a login that a client names. @param login lower-case `0x` address */
export async function acquaintance(env: Env, login: string, ip: string): Promise<Acquaintance> {
  const config = loadConfig(env);
  // Its work is another one, which only its own object gives.
  const mayBeSolo = config.work.soloUpstreams.length > 0;
  if (mayBeSolo && (await accessLists(env, systemClock.nowMs())).isSolo(login)) return "known";
  return await logins.find(() => ledgerClient(env, config), config.coin, login, ip, config.api.statsCollectIntervalMs);
}

/** A login that was unknown has sent a valid share: from now on it is known here. */
export function nowKnown(login: string): void {
  logins.credited(login);
}

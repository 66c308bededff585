import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { eventually } from "../support/eventually.ts";
import { LOGIN, nodeHas, pushNodeWork } from "./stratum-pool.ts";

const root = () => env.BLOCK_TEMPLATE.getByName("main");

export const relay = () => env.BLOCK_TEMPLATE.getByName("relay-0");
export const session = (login = LOGIN) => env.MINER_SESSION.getByName(login);

/** The pool has so many relays. */
export async function relaysAre(count: number): Promise<void> {
  await runInDurableObject(root(), (_object, state) => state.storage.kv.put("relays", count));
  await evictDurableObject(root());
}

/** A new block: the node tells the root, the root the relay, and that the sessions. */
export async function blockIs(variant: number): Promise<void> {
  nodeHas(variant, 99 + variant);
  await pushNodeWork();
}

/** Sockets of a session's that are not a miner's. */
export async function lines(login = LOGIN): Promise<number> {
  return await runInDurableObject(session(login), (_object, state) => state.getWebSockets("work").length);
}

/** The relay's alarm rings: it opens the sockets that are missing. */
export async function dial(logins: readonly string[] = [LOGIN]): Promise<void> {
  expect(await runDurableObjectAlarm(relay())).toBe(true);
  for (const login of logins) await eventually(async () => expect(await lines(login)).toBe(1));
}

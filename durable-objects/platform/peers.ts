import type { Client } from "../../core/policy/client.ts";
import { guardNameOf } from "../../core/policy/client-guards.ts";
import type { WorkSnapshot } from "../../core/work/job.ts";
import { verifierName } from "../../core/shares/shards.ts";
import { isRelayName } from "../../core/work/template-tree.ts";
import type { Env } from "../env.ts";
import type { IpGuardRpc, ShareVerifierRpc } from "../rpc.ts";
import { atHome, ofLogin } from "./at-home.ts";

/** Brings work to a relay, or to the session of a login. @param from the template that pushes @returns logins or connections behind it */
export async function pushTo(env: Env, target: string, work: WorkSnapshot, from: string): Promise<number> {
  if (isRelayName(target)) return await atHome(env, env.BLOCK_TEMPLATE, target).pushWork(work);
  return await ofLogin(env, env.MINER_SESSION, target).pushWork(work, from);
}

type Shard = Pick<
  ShareVerifierRpc,
  "prepare" | "guard" | "health" | "verdicts" | "unresolved" | "settle" | "pause" | "reconcile"
>;

/** A verifier by its number. */
export function verifierShard(env: Env, shard: number): Shard {
  return atHome(env, env.SHARE_VERIFIER, verifierName(shard));
}

/** Every verifier. @param count as configured */
export function verifierShards(env: Env, count: number): Shard[] {
  return Array.from({ length: count }, (_, shard) => verifierShard(env, shard));
}

/** The guard of a client. */
export function guardOf(env: Env, client: Client): IpGuardRpc {
  return atHome(env, env.IP_GUARD, guardNameOf(client));
}

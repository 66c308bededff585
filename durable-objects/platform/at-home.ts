import type { PoolConfig } from "../../core/pool-config.ts";
import type { Env } from "../env.ts";
import { loadConfig } from "./config.ts";

/**
 * A part of which there is one, or a few: whoever calls it first decides where it lives for ever, and `home` says where that is.
 * Cron runs anywhere, so that every call goes through here (`test/core/home.test.ts`). Objects of a login live where the login is.
 */
export function atHome<Calls extends Rpc.DurableObjectBranded>(
  env: Env,
  objects: DurableObjectNamespace<Calls>,
  name: string,
): DurableObjectStub<Calls> {
  return objects.getByName(name, placeOf(loadConfig(env)));
}

/** What the first call says of an object's place. */
export function placeOf({ home }: Pick<PoolConfig, "home">): DurableObjectNamespaceGetDurableObjectOptions | undefined {
  return home === null ? undefined : { locationHint: home };
}

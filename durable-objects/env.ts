import type { AccountApi } from "./account-api.ts";
import type { BlockTemplate } from "./block-template.ts";
import type { EmbeddedRedis } from "./embedded-redis.ts";
import type { ExtranonceAllocator } from "./extranonce-allocator.ts";
import type { IpGuard } from "./ip-guard.ts";
import type { MinerSession } from "./miner-session.ts";
import type { PoolApi } from "./pool-api.ts";
import type { ShareVerifier } from "./share-verifier.ts";

/** Bindings of the Worker. Settings and secrets are read only through `loadConfig`. */
export interface Env {
  readonly MINER_SESSION: DurableObjectNamespace<MinerSession>;
  readonly BLOCK_TEMPLATE: DurableObjectNamespace<BlockTemplate>;
  readonly SHARE_VERIFIER: DurableObjectNamespace<ShareVerifier>;
  readonly EMBEDDED_REDIS: DurableObjectNamespace<EmbeddedRedis>;
  readonly EXTRANONCE_ALLOCATOR: DurableObjectNamespace<ExtranonceAllocator>;
  readonly IP_GUARD: DurableObjectNamespace<IpGuard>;
  readonly POOL_API: DurableObjectNamespace<PoolApi>;
  readonly ACCOUNT_API: DurableObjectNamespace<AccountApi>;
  readonly ASSETS: Fetcher;
  /** `[vars]` and secrets. */
  readonly [setting: string]: unknown;
}

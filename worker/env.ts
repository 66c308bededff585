import type { AccountBoard } from "../durable-objects/account-board.ts";
import type { BlockTemplate } from "../durable-objects/block-template.ts";
import type { EmbeddedRedis } from "../durable-objects/embedded-redis.ts";
import type { ExtranonceAllocator } from "../durable-objects/extranonce-allocator.ts";
import type { IpGuard } from "../durable-objects/ip-guard.ts";
import type { MinerSession } from "../durable-objects/miner-session.ts";
import type { PoolBoard } from "../durable-objects/pool-board.ts";
import type { ShareVerifier } from "../durable-objects/share-verifier.ts";

/** Bindings of the Worker. Settings and secrets are read only through `loadConfig`. */
export interface Env {
  readonly MINER_SESSION: DurableObjectNamespace<MinerSession>;
  readonly BLOCK_TEMPLATE: DurableObjectNamespace<BlockTemplate>;
  readonly SHARE_VERIFIER: DurableObjectNamespace<ShareVerifier>;
  readonly EMBEDDED_REDIS: DurableObjectNamespace<EmbeddedRedis>;
  readonly EXTRANONCE_ALLOCATOR: DurableObjectNamespace<ExtranonceAllocator>;
  readonly IP_GUARD: DurableObjectNamespace<IpGuard>;
  readonly POOL_BOARD: DurableObjectNamespace<PoolBoard>;
  readonly ACCOUNT_BOARD: DurableObjectNamespace<AccountBoard>;
  readonly ASSETS: Fetcher;
  /** `[vars]` and secrets. */
  readonly [setting: string]: unknown;
}

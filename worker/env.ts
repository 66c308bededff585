import type { BlockTemplate } from "../durable-objects/block-template.ts";
import type { EmbeddedRedis } from "../durable-objects/embedded-redis.ts";
import type { IpGuard } from "../durable-objects/ip-guard.ts";
import type { MinerSession } from "../durable-objects/miner-session.ts";
import type { ShareVerifier } from "../durable-objects/share-verifier.ts";

/** Bindings of the Worker. Settings and secrets are read only through `loadConfig`. */
export interface Env {
  readonly MINER_SESSION: DurableObjectNamespace<MinerSession>;
  readonly BLOCK_TEMPLATE: DurableObjectNamespace<BlockTemplate>;
  readonly SHARE_VERIFIER: DurableObjectNamespace<ShareVerifier>;
  readonly EMBEDDED_REDIS: DurableObjectNamespace<EmbeddedRedis>;
  readonly IP_GUARD: DurableObjectNamespace<IpGuard>;
  readonly ASSETS: Fetcher;
  /** `[vars]` and secrets. */
  readonly [setting: string]: unknown;
}

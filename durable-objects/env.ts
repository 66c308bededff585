import type {
  AccountApiRpc,
  BlockTemplateRpc,
  EmbeddedRedisRpc,
  ExtranonceAllocatorRpc,
  IpGuardRpc,
  MinerSessionRpc,
  NotifierRpc,
  PartRpc,
  PayerRpc,
  PoolAdminRpc,
  PoolApiRpc,
  ShareVerifierRpc,
  UnlockerRpc,
} from "./rpc.ts";

/** Objects of a class that answers `Calls`. The class itself stays out of it: whoever calls an object depends on its interface only. */
type Objects<Calls> = DurableObjectNamespace<Calls & PartRpc & Rpc.DurableObjectBranded>;

/** Bindings of the Worker. Settings and secrets are read only through `loadConfig`. */
export interface Env {
  readonly MINER_SESSION: Objects<MinerSessionRpc>;
  readonly BLOCK_TEMPLATE: Objects<BlockTemplateRpc>;
  readonly SHARE_VERIFIER: Objects<ShareVerifierRpc>;
  readonly EMBEDDED_REDIS: Objects<EmbeddedRedisRpc>;
  readonly EXTRANONCE_ALLOCATOR: Objects<ExtranonceAllocatorRpc>;
  readonly IP_GUARD: Objects<IpGuardRpc>;
  readonly POOL_API: Objects<PoolApiRpc>;
  readonly ACCOUNT_API: Objects<AccountApiRpc>;
  readonly UNLOCKER: Objects<UnlockerRpc>;
  readonly PAYER: Objects<PayerRpc>;
  readonly NOTIFIER: Objects<NotifierRpc>;
  readonly POOL_ADMIN: Objects<PoolAdminRpc>;
  readonly ASSETS: Fetcher;
  /** The script that miners are connected to; missing where the pool is one script. */
  readonly SESSIONS?: Fetcher;
  /** What cron can read without making an object: `platform/started.ts`. Missing where a wrangler.toml of before is used. */
  readonly POOL_MARKS?: KVNamespace;
  /** `[vars]` and secrets. */
  readonly [setting: string]: unknown;
}

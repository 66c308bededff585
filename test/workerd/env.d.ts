// What tests inside workerd find under `env` and `exports` of "cloudflare:workers".
type WorkerEnv = import("../../durable-objects/env.ts").Env;
declare namespace Cloudflare {
  interface Env extends WorkerEnv {}
  interface GlobalProps {
    mainModule: typeof import("../../worker/index.ts");
    durableNamespaces:
      | "AccountApi"
      | "BlockTemplate"
      | "EmbeddedRedis"
      | "ExtranonceAllocator"
      | "IpGuard"
      | "MinerSession"
      | "PoolApi"
      | "ShareVerifier";
  }
}

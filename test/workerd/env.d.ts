// What tests inside workerd find under `env` and `exports` of "cloudflare:workers".
type WorkerEnv = import("../../worker/env.ts").Env;
declare namespace Cloudflare {
  interface Env extends WorkerEnv {}
  interface GlobalProps {
    mainModule: typeof import("../../worker/index.ts");
    durableNamespaces:
      | "AccountBoard"
      | "BlockTemplate"
      | "EmbeddedRedis"
      | "ExtranonceAllocator"
      | "IpGuard"
      | "MinerSession"
      | "PoolBoard"
      | "ShareVerifier";
  }
}

import { STRATUM_PORT, type Algorithm, type MinerTarget } from "../../../core/miner-programs.ts";
import type { PoolFacts } from "../../../core/api/answers.ts";

/** What the pool's chain is mined with. */
export function algorithmOf({ ecip1099Block }: Pick<PoolFacts, "ecip1099Block">): Algorithm {
  return ecip1099Block === null ? "ethash" : "etchash";
}

/** What the pool takes for a worker's name. */
export const isWorkerName = (text: string): boolean => /^[0-9A-Za-z_-]{1,32}$/.test(text);

/** The bridge, started once in the LAN of the miners. @param origin of the pool's page, such as `https://pool.example` */
export function bridgeCommand(origin: string): string {
  const secure = origin.startsWith("https:");
  const pool = origin.replace(/^http/, "ws");
  return `curl -fO ${origin}/bridge.mjs\nnode bridge.mjs ${pool} --listen ${STRATUM_PORT}${secure ? "" : " --allow-insecure"}`;
}

/** Any byte pipe does as well, for one miner. */
export function websocatCommand(origin: string, { address, worker }: MinerTarget): string {
  return `websocat -b tcp-l:127.0.0.1:${STRATUM_PORT} ${origin.replace(/^http/, "ws")}/stratum/${address}/${worker}`;
}

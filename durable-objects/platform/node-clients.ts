import type { PoolConfig } from "../../core/pool-config.ts";
import { createNodeClient, type NodeClient } from "../../core/work/node-client.ts";
import { httpPost } from "./http-post.ts";

/** The configured nodes, in the operator's order. */
export function nodeClients(config: PoolConfig): NodeClient[] {
  return config.work.upstreams.map((upstream) => createNodeClient(upstream, httpPost));
}

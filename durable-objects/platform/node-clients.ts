import type { PoolConfig } from "../../core/pool-config.ts";
import type { Deadline } from "../../core/work/json-rpc.ts";
import { createNodeClient, type NodeClient } from "../../core/work/node-client.ts";

/** The configured nodes, in the operator's order. */
export function nodeClients(config: PoolConfig): NodeClient[] {
  return config.work.upstreams.map((upstream) =>
    createNodeClient(upstream, { fetch: (url, init) => fetch(url, init), deadline }),
  );
}

function deadline(timeoutMs: number): Deadline {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}

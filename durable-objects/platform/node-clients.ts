import { createNodeClient, type NodeClient } from "../../core/work/node-client.ts";
import type { UpstreamConfig } from "../../core/work/upstream.ts";
import { httpPostWith } from "./http-post.ts";
import { LastingTimers } from "./lasting-timers.ts";

/** Configured nodes, in the operator's order. */
export function nodeClients(upstreams: readonly UpstreamConfig[]): NodeClient[] {
  const post = httpPostWith(new LastingTimers());
  return upstreams.map((upstream) => createNodeClient(upstream, post));
}

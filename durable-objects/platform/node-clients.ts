import { createNodeClient, type NodeClient } from "../../core/work/node-client.ts";
import type { UpstreamConfig } from "../../core/work/upstream.ts";
import { httpPost } from "./http-post.ts";

/** Configured nodes, in the operator's order. */
export function nodeClients(upstreams: readonly UpstreamConfig[]): NodeClient[] {
  return upstreams.map((upstream) => createNodeClient(upstream, httpPost));
}

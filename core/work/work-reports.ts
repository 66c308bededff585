import type { OnceLog } from "./once-log.ts";
import type { HealthEvent } from "./upstream-health.ts";

/** All nodes that are heard have gone back to a lower height. */
export function reportFall(once: OnceLog, node: string | null, from: number, to: number): void {
  const message = "the node went back, and no other has the higher work: jobs above are withdrawn";
  once.problem("fall", `${node} ${from} ${to}`, message, { upstream: node, from, to });
}

/** What has become of a node. */
export function reportUpstream(once: OnceLog, { node, kind, reason }: HealthEvent): void {
  if (kind === "well" || kind === "moving") {
    once.solved(`upstream ${node}`, `upstream is ${kind} again`, { upstream: node, reason });
  } else {
    once.problem(`upstream ${node}`, kind, `upstream is ${kind}`, { upstream: node, reason });
  }
}

// A Worker for measuring: what a call from one Durable Object to another costs in workerd when the called one does nothing.
import { DurableObject } from "cloudflare:workers";
import type { Job, WorkSnapshot } from "../../core/work/job.ts";

interface Env {
  readonly ROOT: DurableObjectNamespace<Root>;
  readonly LEAF: DurableObjectNamespace<Leaf>;
}

/** Makes the calls. */
export class Root extends DurableObject<Env> {
  /** Brings a job to `leaves` objects, all at once. @returns ms */
  async fanOut(leaves: number): Promise<number> {
    const startedAt = performance.now();
    const answers = Array.from({ length: leaves }, (_, index) =>
      this.env.LEAF.getByName(`leaf-${index}`).pushWork(WORK),
    );
    await Promise.all(answers);
    return performance.now() - startedAt;
  }
}

/** Takes a job as a session does, and leaves it at that. */
export class Leaf extends DurableObject<Env> {
  async pushWork(work: WorkSnapshot): Promise<number> {
    return work.jobs.length;
  }
}

const job = (height: number): Job => ({
  header: `0x${"a1".repeat(32)}`,
  seed: `0x${"b2".repeat(32)}`,
  height,
  networkDifficulty: 550_853_386n,
  poolDifficulty: 1n << 33n,
  classTable: 1,
});
const WORK: WorkSnapshot = {
  sequence: 1,
  current: job(22_000_003),
  // Three heights, each recommitted a few times.
  jobs: Array.from({ length: 12 }, (_, index) => job(22_000_003 - Math.floor(index / 4))),
  confirmedAtMs: 1_700_000_000_000,
};

export default {
  async fetch(request, env) {
    const leaves = Number(new URL(request.url).searchParams.get("leaves"));
    return Response.json(await env.ROOT.getByName("root").fanOut(leaves));
  },
} satisfies ExportedHandler<Env>;

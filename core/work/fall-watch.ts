import type { TemplateState, WorkOffer } from "./template.ts";

/** Polls in a row that must show a node below the current work before it counts as gone back. */
const BELIEVED_AFTER = 2;

/**
 * Notices nodes that went back: a crash, a `debug.setHead`, a chain that was begun anew. One poll below the current work may have been
 * overtaken by a push; two in a row mean that the node has lost what it had, and that its jobs above are dead.
 */
export class FallWatch {
  readonly #below = new Map<string, { polls: number; height: number }>();

  /** Notes what a node said. @param current work of now and when it was learned */
  heard({ job, node, via, askedAtMs }: WorkOffer, current: TemplateState["jobs"][number] | undefined): void {
    if (node === null || via !== "poll") return;
    if (current === undefined || job.height >= current.height) {
      this.#below.delete(node);
    } else if (askedAtMs >= current.learnedAtMs) {
      const polls = (this.#below.get(node)?.polls ?? 0) + 1;
      this.#below.set(node, { polls, height: job.height });
    }
  }

  hasFallen(node: string | null): boolean {
    return node !== null && (this.#below.get(node)?.polls ?? 0) >= BELIEVED_AFTER;
  }

  /** True for a job that its node no longer knows. */
  isDead({ node, height }: { readonly node: string | null; readonly height: number }): boolean {
    return node !== null && this.hasFallen(node) && height > (this.#below.get(node)?.height ?? 0);
  }
}

import type { UnlockerState, WaitingBlock } from "./unlocker-state.ts";

/** What somebody may want to hear of as it happens: a notification hangs on {@link UnlockerEvents.onEvent}. */
export type UnlockerEvent =
  /** A block took a step. `hash` is `0x0` for one that was never found. */
  | {
      readonly kind: "moved";
      readonly to: "immature" | "matured" | "orphan";
      readonly height: number;
      readonly hash: string;
      readonly nonce: string;
      readonly uncle: boolean;
      readonly rewardWei: bigint;
    }
  /** A block has waited for an hour; told once for each wait. */
  | ({ readonly kind: "stuck" } & Pick<WaitingBlock, "list" | "height" | "reason" | "sinceMs">)
  /** A matured block is no longer in the chain; told once. */
  | { readonly kind: "fallen"; readonly height: number; readonly hash: string };

export interface UnlockerEvents {
  /** Must not throw, and is not waited for: no block waits for a notification. */
  readonly onEvent?: (event: UnlockerEvent) => void;
}

/** What waits longer than this is a problem. */
export const PATIENCE_MS = 3_600_000;

/** What has become known between two states of the unlocker, and marks it as told. */
export function news(before: UnlockerState, state: UnlockerState, nowMs: number): UnlockerEvent[] {
  const told: UnlockerEvent[] = [];
  for (const [member, wait] of Object.entries(state.waiting)) {
    const { list, height, reason, sinceMs } = wait;
    if (wait.told === true || nowMs - sinceMs <= PATIENCE_MS) continue;
    told.push({ kind: "stuck", list, height, reason, sinceMs });
    state.waiting[member] = { ...wait, told: true };
  }
  for (const { member, height, hash } of state.fallen)
    if (!before.fallen.some((known) => known.member === member)) told.push({ kind: "fallen", height, hash });
  return told;
}

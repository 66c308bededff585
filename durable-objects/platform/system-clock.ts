import type { Clock } from "../../core/clock.ts";
import { LastingTimers, lastingTimer } from "./lasting-timers.ts";

/** A timer of at most so long is left to fire: it keeps nobody awake for longer than it was set for. */
const SHORT_MS = 100;

/** The runtime's clock and timers, of objects that sleep as soon as they can. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, work) {
    if (delayMs <= SHORT_MS) return lastingTimer(delayMs, work);
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The same of an object that is always asked. */
export function lastingClock(): Clock {
  return { ...systemClock, after: new LastingTimers().after };
}

import type { Clock } from "../../core/clock.ts";
import { LastingTimers } from "./lasting-timers.ts";

/** The runtime's clock and timers, of objects that sleep as soon as they can. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, work) {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The same of an object that is always asked. */
export function lastingClock(): Clock {
  return { ...systemClock, after: new LastingTimers().after };
}

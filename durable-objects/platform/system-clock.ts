import type { Clock } from "../../core/clock.ts";
import { lastingTimer } from "./lasting-timers.ts";

/** The runtime's clock and timers, of objects that sleep as soon as they can. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, work) {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The same of objects that are always asked. */
export const lastingClock: Clock = { ...systemClock, after: lastingTimer };

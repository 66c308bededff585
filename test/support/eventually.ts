import { vi } from "vitest";

/** Long for a machine that does a lot besides; vitest's own limit is one second. */
const LIMIT_MS = 120_000;

/** Asks until it holds. @throws what it said last, when it never does */
export const eventually = <T>(holds: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(holds, { timeout: LIMIT_MS, interval: 50 });

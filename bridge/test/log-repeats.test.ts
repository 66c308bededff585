import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LogRepeats } from "../src/log-repeats.ts";

const said: [Readonly<Record<string, unknown>>, string][] = [];
const keep = (fields: Readonly<Record<string, unknown>>, message: string): void => void said.push([fields, message]);
const repeats = (): LogRepeats => new LogRepeats({ debug: keep, info: keep, warn: keep, error: keep });

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  said.length = 0;
});

test("says once what happens to many in one second, with their number, and by name what happens to one", () => {
  const log = repeats();
  for (const miner of ["a", "b", "c"]) log.say("warn", { pool: "p" }, { miner }, "lost");
  log.say("warn", { pool: "q" }, { miner: "d" }, "lost");
  expect(said).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(said).toEqual([
    [{ miners: 3, pool: "p" }, "lost"],
    [{ miner: "d", pool: "q" }, "lost"],
  ]);
  log.say("warn", { pool: "p" }, { miner: "a" }, "lost");
  vi.advanceTimersByTime(1_000);
  expect(said).toHaveLength(3);
});

test("does not hold back a flood of different things", () => {
  const log = repeats();
  for (let n = 0; n < 100; n++) log.say("info", { n }, {}, "something");
  expect(said).toHaveLength(100);
});

import { expect, it } from "vitest";
import { WorkerNames } from "../../../core/session/worker-names.ts";

const HOUR_MS = 3_600_000;

class NamesRig {
  #nowMs = 0;
  readonly #names: WorkerNames;

  constructor(limit: number) {
    this.#names = new WorkerNames(limit, { nowMs: () => this.#nowMs });
  }

  note(name: string, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#names.note(name);
  }

  of(nowMs: number, ...names: string[]): string[] {
    this.#nowMs = nowMs;
    return names.map((name) => this.#names.of(name));
  }
}

it("beyond the limit new names count as 0, known ones as themselves, and one that was away for three hours makes room", () => {
  const names = new NamesRig(2);
  names.note("a", 0);
  names.note("b", 1);
  expect(names.of(HOUR_MS, "a", "b", "c", "0")).toEqual(["a", "b", "0", "0"]);
  names.note("a", 2 * HOUR_MS);
  expect([names.of(3 * HOUR_MS, "c"), names.of(3 * HOUR_MS + 1, "c")]).toEqual([["0"], ["c"]]);
  names.note("c", 3 * HOUR_MS + 1);
  expect(names.of(3 * HOUR_MS + 2, "a", "b", "c")).toEqual(["a", "0", "c"]);
});

it("a name without a valid share takes no place, and 0 needs none", () => {
  const names = new NamesRig(1);
  for (let n = 0; n < 100; n++) expect(names.of(0, `junk-${n}`)).toEqual([`junk-${n}`]);
  names.note("0", 0);
  names.note("rig", 0);
  expect(names.of(1, "rig", "other")).toEqual(["rig", "0"]);
});

import * as v from "valibot";
import { classesOf, type DifficultyClass } from "../shares/difficulty-classes.ts";
import type { KeptValue } from "./extranonce-pool.ts";

/** Workers that are remembered; a login with more begins the others at the pool's difficulty, as every worker once. */
const MOST_WORKERS = 2_048;

const schema = v.array(v.tuple([v.string(), v.picklist(classesOf(1))]));

/** In which class the workers of a login mine, so that the next connection begins there. Written when a class changes, which is rare. */
export class LastClasses {
  readonly #kept: KeptValue;
  /** Insertion order is age. Who mines at the pool's own difficulty is left out. */
  readonly #classes: Map<string, DifficultyClass>;

  constructor(kept: KeptValue) {
    this.#kept = kept;
    this.#classes = new Map(v.parse(v.fallback(schema, []), kept.get() ?? []));
  }

  of(worker: string): DifficultyClass {
    return this.#classes.get(worker) ?? 0;
  }

  remember(worker: string, last: DifficultyClass): void {
    if (last === this.of(worker)) return;
    this.#classes.delete(worker);
    if (last !== 0) this.#classes.set(worker, last);
    for (const oldest of this.#classes.keys()) {
      if (this.#classes.size <= MOST_WORKERS) break;
      this.#classes.delete(oldest);
    }
    this.#kept.set([...this.#classes]);
  }
}

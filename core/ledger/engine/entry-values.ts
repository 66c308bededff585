import type { SqlValue } from "../../sql-port.ts";

/** Which entry of which key. */
export interface EntryPlace {
  /** The key's. */
  readonly id: number;
  readonly name: string;
}

export interface PlacedEntry extends EntryPlace {
  readonly value: SqlValue;
}

/** Some entries by what they are in and called. */
export class EntryValues {
  readonly #values = new Map<number, Map<string, SqlValue>>();

  /** @returns undefined when there is no such entry; a set's entry has the value null */
  at(id: number, name: string): SqlValue | undefined {
    return this.#values.get(id)?.get(name);
  }

  set({ id, name, value }: PlacedEntry): void {
    const names = this.#values.get(id);
    if (names !== undefined) names.set(name, value);
    else this.#values.set(id, new Map([[name, value]]));
  }
}

import { incremented } from "../commands/hashes-and-sets.ts";
import type { EntryValues, PlacedEntry } from "../entry-values.ts";
import { type KeyRow, type Keyspace, typedRow } from "../keyspace.ts";
import { integerArgument } from "../values.ts";
import type { SqlValue } from "../../../sql-port.ts";

/**
 * Commands of a script on many keys, in a few statements: keys and fields are looked up together, and what is written is written together at the
 * end. A command sees what those before it wrote, and fails as it would alone; then the script's transaction leaves nothing.
 */
export class StagedCalls {
  readonly #space: Keyspace;
  readonly #found: Map<string, KeyRow>;
  readonly #values: EntryValues;
  readonly #entries: PlacedEntry[] = [];

  /** @param keys all that are asked for @param fields all that are read before they are written */
  constructor(space: Keyspace, keys: readonly string[], fields: readonly (readonly [key: string, name: string])[]) {
    this.#space = space;
    this.#found = space.findAll(keys);
    this.#values = space.entriesAt(
      fields.flatMap(([key, name]) => {
        const row = this.#found.get(key);
        return row ? [{ id: row.id, name }] : [];
      }),
    );
  }

  /** HGET. */
  hget(key: string, name: string): string | null {
    const row = typedRow(this.#found.get(key), "hash");
    const value = row ? this.#values.at(row.id, name) : undefined;
    return value === undefined ? null : String(value);
  }

  /** HINCRBY. */
  hincrby(key: string, name: string, amount: bigint): void {
    const by = integerArgument(String(amount));
    this.put(key, "hash", [[name, String(incremented(this.hget(key, name), by))]]);
  }

  /** HSET or ZADD. */
  put(key: string, type: "hash" | "zset", values: readonly (readonly [name: string, value: SqlValue])[]): KeyRow {
    const row = this.#space.openIn(this.#found, key, type);
    for (const [name, value] of values) {
      const entry = { id: row.id, name, value };
      this.#values.set(entry);
      this.#entries.push(entry);
    }
    return row;
  }

  write(): void {
    this.#space.putAll(this.#entries);
  }
}

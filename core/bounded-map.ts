/** A map that keeps at most `capacity` entries: the one that was added first makes way. Setting a key anew keeps its place. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #capacity: number;

  constructor(capacity: number) {
    super();
    this.#capacity = capacity;
  }

  override set(key: K, value: V): this {
    super.set(key, value);
    if (this.size > this.#capacity) {
      const { value: oldest, done } = this.keys().next();
      if (!done) this.delete(oldest);
    }
    return this;
  }
}

/** A map that keeps at most `capacity` entries: the one that was read or set longest ago makes way. */
export class RecentMap<K, V> extends BoundedMap<K, V> {
  override get(key: K): V | undefined {
    const value = super.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  override set(key: K, value: V): this {
    this.delete(key);
    return super.set(key, value);
  }
}

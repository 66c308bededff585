import type { TemplateState } from "./template.ts";

/** What survives a restart of the object. Every write is a billed row. */
export interface TemplateStore {
  load(): TemplateState;
  /** Returns at once. What a crash may lose are the last few saves, not an earlier one. */
  save(state: TemplateState): void;
  subscribers(): string[];
  addSubscriber(name: string): void;
  removeSubscriber(name: string): void;
  /** How many relays there are, where that is not configured; 0 before it was kept. */
  relays(): number;
  saveRelays(count: number): void;
}

/** The alarm of the object: it makes `tick` run, also when the object was restarted meanwhile. */
export interface AlarmPort {
  /** @param atMs Unix time; replaces the one set before */
  set(atMs: number): void;
  /** Unix time in ms; null for none. */
  get(): Promise<number | null>;
}

import { useEffect, useReducer } from "preact/hooks";
import type { HealthReport } from "../../../core/health/judge.ts";

/** What is known of a resource. */
export interface Live<T> {
  /** The last good answer. */
  readonly data: T | null;
  /** Status of the last answer; 0 when none came. Null before the first. */
  readonly status: number | null;
  /** When `data` arrived, Unix time in ms. */
  readonly updatedAtMs: number;
  /** When the pool read what is in `data`, Unix time in ms on this machine's clock. */
  readonly dataAtMs: number;
}

/** Whether the last request failed; a 404 is an answer. */
export const isFailing = ({ status }: Live<unknown>): boolean => status !== null && status !== 200 && status !== 404;

/** How old an answer's figures were when it was sent, in ms: by the pool's clock alone, as this machine's may be wrong. */
function ageOf(headers: Headers): number {
  const [sent, read] = ["date", "last-modified"].map((name) => Date.parse(headers.get(name) ?? ""));
  return Math.max(0, (sent ?? Number.NaN) - (read ?? Number.NaN)) || 0;
}

/** What is wrong with the pool. */
const HEALTH = "/health";
const HEALTH_INTERVAL_MS = 15_000;

/** After failures the waits grow up to this. */
const LONGEST_WAIT_MS = 60_000;

/**
 * One resource that is fetched again and again, for as many parts of the page as show it. Polling and not a socket: an open page costs
 * one cached answer an interval and nothing at all while it is not being looked at, and no object has to stay awake for it.
 */
class Poller {
  readonly #path: string;
  readonly #listeners = new Map<() => void, number>();
  #live: Live<unknown> = { data: null, status: null, updatedAtMs: 0, dataAtMs: 0 };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #busy = false;

  constructor(path: string) {
    this.#path = path;
  }

  get live(): Live<unknown> {
    return this.#live;
  }

  join(listener: () => void, intervalMs: number): () => void {
    this.#listeners.set(listener, intervalMs);
    if (this.#listeners.size === 1) document.addEventListener("visibilitychange", this.#wake);
    this.#wake();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#timer);
      document.removeEventListener("visibilitychange", this.#wake);
    };
  }

  /** Fetches at once unless the last answer is still fresh. */
  readonly #wake = (): void => {
    if (document.hidden || this.#busy) return;
    const age = Date.now() - this.#live.updatedAtMs;
    if (age >= this.#interval()) void this.#fetch();
    else this.#schedule(this.#interval() - age);
  };

  /** Fetches whatever the age: something told us that there is news. */
  refresh(): void {
    if (!this.#busy && this.#live.status !== null) void this.#fetch();
  }

  #interval(): number {
    return Math.min(...this.#listeners.values());
  }

  #schedule(waitMs: number): void {
    clearTimeout(this.#timer);
    if (this.#listeners.size > 0) this.#timer = setTimeout(this.#wake, waitMs);
  }

  async #fetch(): Promise<void> {
    this.#busy = true;
    try {
      const response = await fetch(this.#path);
      // The report of a sick pool has status 503 and is the answer all the same.
      const good = response.ok || this.#path === HEALTH;
      const data: unknown = good ? await response.json() : null;
      const now = Date.now();
      this.#failures = good || response.status === 404 ? 0 : this.#failures + 1;
      this.#live = good
        ? { data, status: 200, updatedAtMs: now, dataAtMs: now - ageOf(response.headers) }
        : { ...this.#live, status: response.status };
    } catch {
      this.#failures += 1;
      this.#live = { ...this.#live, status: 0 };
    }
    this.#busy = false;
    for (const listener of this.#listeners.keys()) listener();
    const wait = this.#interval() * 2 ** Math.min(this.#failures, 6);
    this.#schedule(this.#failures > 0 ? Math.min(wait, LONGEST_WAIT_MS) : wait);
  }
}

const pollers = new Map<string, Poller>();

function pollerOf(path: string): Poller {
  const known = pollers.get(path);
  if (known) return known;
  const made = new Poller(path);
  pollers.set(path, made);
  return made;
}

/**
 * A resource of the pool's own API, kept up to date.
 * @param news when it changes, the resource is fetched again at once
 */
export function useLive<T>(path: string, intervalMs: number, news = ""): Live<T> {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const poller = pollerOf(path);
  useEffect(() => poller.join(() => redraw(0), intervalMs), [poller, intervalMs]);
  useEffect(() => poller.refresh(), [poller, news]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the page and the API are of one build; every value is rendered as text
  return poller.live as Live<T>;
}

/** The pool's own report; null before the first. */
export function useHealth(): HealthReport | null {
  return useLive<HealthReport>(HEALTH, HEALTH_INTERVAL_MS).data;
}

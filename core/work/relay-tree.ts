import type { FanOut } from "./fan-out.ts";
import { isRelayName, relayName, relaysFor } from "./template-tree.ts";

/** What the root asks of its relays. */
export interface RelayPort {
  guard(name: string): Promise<void>;
  /** Resolves when what was pushed last is on its way to every session, at the latest after about `withinMs`. */
  delivered(name: string, withinMs: number): Promise<void>;
}

export interface RelayTreeDeps {
  readonly fanOut: FanOut;
  /** How many there are, over restarts. */
  readonly kept: { get(): number; set(relays: number): void };
  /** As configured; null: as many as the logins need. */
  readonly fixed: number | null;
  readonly port: RelayPort;
}

/** Fewer relays are wanted by so many pushes in a row: while logins move, those on their way are counted nowhere. */
const LOW_FOR = 20;

/** The root's branches: how many, and who of the subscribers belongs to one. */
export class RelayTree {
  readonly #deps: RelayTreeDeps;
  #count: number;
  #lowFor = 0;

  constructor(deps: RelayTreeDeps) {
    this.#deps = deps;
    this.#count = deps.fixed ?? deps.kept.get();
  }

  /** Relays that sessions should subscribe at; 0: at the root. */
  get count(): number {
    return this.#count;
  }

  /** Logins that get work, through relays and from the root itself, as far as relays have said. */
  get logins(): number {
    return this.#sum(1);
  }

  /** Whether whoever subscribes at the root under this name is pushed to by the root: relays are, logins only where there are none. */
  isOurs(name: string): boolean {
    return this.#count === 0 || isRelayName(name);
  }

  /** Before a push: it tells the sessions how many relays there are, and they move by themselves. */
  adjust(): void {
    if (this.#deps.fixed !== null) return;
    // A relay that has not answered yet may have any number of logins: with those that have, there may be too few relays, never too many.
    const isKnown = [...this.#deps.fanOut.counts()].every(([name, count]) => count !== null || !isRelayName(name));
    const wanted = relaysFor(this.#sum(0), this.#count);
    this.#lowFor = isKnown && wanted < this.#count ? this.#lowFor + 1 : 0;
    if (wanted === this.#count || (wanted < this.#count && this.#lowFor < LOW_FOR)) return;
    this.#lowFor = 0;
    this.#count = wanted;
    this.#deps.kept.set(wanted);
  }

  /** Cron: every relay goes on where it was stopped. */
  async guard(): Promise<void> {
    await Promise.all(Array.from({ length: this.#count }, (_, at) => this.#deps.port.guard(relayName(at))));
  }

  /** As {@link FanOut.delivered}, to the last session. */
  async delivered(withinMs: number): Promise<void> {
    const { fanOut, port } = this.#deps;
    await fanOut.delivered(withinMs);
    const relays = [...fanOut.counts()].filter(([name]) => isRelayName(name));
    await Promise.allSettled(relays.map(([name]) => port.delivered(name, withinMs)));
  }

  /** @param unknown what a relay counts as before its first answer */
  #sum(unknown: number): number {
    let sum = 0;
    for (const [name, count] of this.#deps.fanOut.counts()) sum += isRelayName(name) ? (count ?? unknown) : 1;
    return sum;
  }
}

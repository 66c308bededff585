import { type Logger, thrown } from "../log.ts";
import type { PoolConfig } from "../pool-config.ts";
import { type HeaderTerms, withTerms, type WorkSnapshot } from "../work/job.ts";
import { isRelayName, ROOT_NAME, SOLO_NAME, templateNameFor } from "../work/template-tree.ts";

/** After an answer that brought nothing newer, the template is left alone for this long. */
const ASK_AGAIN_MS = 1_000;

/** Registers a login at the template of that name, which gives the work it should have now; null where there is none. */
export type Subscribe = (template: string, login: string) => Promise<WorkSnapshot | null>;

/** Where the newest work is kept over a hibernation, if anywhere. */
export interface WorkKeeper {
  get(): WorkSnapshot | null;
  set(work: WorkSnapshot): void;
}

/** The work of one login: pushed by the template, asked for when it is missing or has not been confirmed lately. */
export class WorkFeed {
  readonly #config: Pick<PoolConfig["work"], "maxAgeMs" | "terms">;
  readonly #ports: { readonly subscribe: Subscribe; readonly keptWork: WorkKeeper };
  readonly #isSolo: (login: string) => Promise<boolean>;
  readonly #log: Logger;
  /** Whose work it is: the solo template's, or the common one's. */
  #solo = false;
  #work: WorkSnapshot | null = null;
  #asking: Promise<boolean> | null = null;
  #quietUntilMs = 0;
  /** The template pushes to us: it has answered since this object woke, and has not been told since that nobody listens. */
  #subscribed = false;

  /** @param isSolo whether a login mines solo now */
  constructor(
    config: Pick<PoolConfig["work"], "maxAgeMs" | "terms">,
    ports: { readonly subscribe: Subscribe; readonly keptWork: WorkKeeper },
    isSolo: (login: string) => Promise<boolean>,
    log: Logger,
  ) {
    this.#config = config;
    this.#isSolo = isSolo;
    this.#ports = ports;
    this.#log = log;
    const kept = ports.keptWork.get();
    // What was newest there came through a push or an answer: nothing that a miner has been given is missing.
    if (kept !== null && this.isOurs(kept)) this.#work = stamped(kept, config.terms);
  }

  /** The newest work seen, however old. */
  get work(): WorkSnapshot | null {
    return this.#work;
  }

  /** Whether work is from the template that this login is given the work of. */
  isOurs(work: WorkSnapshot): boolean {
    return (work.solo === true) === this.#solo;
  }

  /**
   * Work that was pushed. Where the login has changed over to other work, or nobody knows any more which it has, its template is asked.
   * @param login null where nobody has logged in yet
   * @returns as {@link offer}
   */
  async take(work: WorkSnapshot, login: string | null, nowMs: number): Promise<boolean> {
    const solo = login === null ? this.#solo : await this.#isSolo(login);
    if (solo === this.#solo && this.isOurs(work)) return this.offer(work);
    return login !== null && (await this.refresh(login, nowMs));
  }

  /** Takes work from any source. @returns whether there is something to announce; false for work that is not newer: a late push never overtakes. */
  offer(work: WorkSnapshot): boolean {
    if (!this.isOurs(work)) return false;
    const known = this.#work;
    if (known && work.sequence < known.sequence) return false;
    const isSame = known?.sequence === work.sequence && known.relays === work.relays;
    if (isSame && work.confirmedAtMs <= known.confirmedAtMs) return false;
    this.#work = stamped(work, this.#config.terms);
    this.#ports.keptWork.set(this.#work);
    return known?.current.header !== work.current.header || known.paused !== work.paused;
  }

  /**
   * Whether a template is to push on. Where the number of relays has changed, the login moves: it subscribes at its new template first.
   * @param from the template that has pushed, as it says
   */
  async staysAt(from: string | undefined, login: string | null): Promise<boolean> {
    if (this.#solo || login === null || from === undefined || from === this.#home(login)) return true;
    try {
      await this.#subscribeAt(this.#home(login), login);
      return false;
    } catch (error) {
      this.#log.warn("no answer from the relay to move to", { error: thrown(error) });
      return true;
    }
  }

  #home(login: string): string {
    return this.#solo ? SOLO_NAME : templateNameFor(login, this.#work?.relays ?? 0);
  }

  /** @returns whether there is a new job */
  async #subscribeAt(template: string, login: string): Promise<boolean> {
    let work = await this.#ports.subscribe(template, login);
    // A relay that has just begun has none yet. The root subscribes nobody who belongs to a relay.
    if (work === null && isRelayName(template)) work = await this.#ports.subscribe(ROOT_NAME, login);
    return work !== null && this.offer(work);
  }

  /** True when the work at hand will not do for long: none since the object woke, or not confirmed for half its allowed age. */
  isDue(nowMs: number): boolean {
    // Whoever comes while the first answer is on its way waits for that as well.
    if (!this.#work && this.#asking) return true;
    if (nowMs < this.#quietUntilMs) return false;
    return !this.#work || nowMs - this.#work.confirmedAtMs > this.#config.maxAgeMs / 2;
  }

  /**
   * Takes one more listener of the login in. A fleet that comes back is one question to the template a login, however many sockets it has:
   * who is pushed to has the work already. @returns as {@link refresh}
   */
  async join(login: string, nowMs: number): Promise<boolean> {
    const isFresh = this.#work !== null && nowMs - this.#work.confirmedAtMs <= this.#config.maxAgeMs / 2;
    if (this.#subscribed && isFresh && (await this.#isSolo(login)) === this.#solo) return false;
    return await this.refresh(login, nowMs);
  }

  /** The template was told that nobody listens: it forgets the login. */
  forgotten(): void {
    this.#subscribed = false;
  }

  /**
   * Subscribes at the template, which answers with the work of now. It forgets nobody who listens, so this also mends a
   * subscription that was lost. Never rejects: without the template the work at hand stays until it is too old.
   * @returns whether there is a new job
   */
  async refresh(login: string, nowMs: number): Promise<boolean> {
    this.#asking ??= this.#ask(login, nowMs).finally(() => (this.#asking = null));
    return await this.#asking;
  }

  async #ask(login: string, nowMs: number): Promise<boolean> {
    this.#quietUntilMs = nowMs + ASK_AGAIN_MS;
    this.#subscribed = false;
    try {
      const solo = await this.#isSolo(login);
      // The other template counts its snapshots by itself, and its headers are none of these shares' business.
      if (solo !== this.#solo) this.#work = null;
      this.#solo = solo;
      const asked = this.#home(login);
      const isNew = await this.#subscribeAt(asked, login);
      const home = this.#home(login);
      // The root has said that there are relays, or how many by now.
      const isNewer = home === asked ? isNew : (await this.#subscribeAt(home, login)) || isNew;
      this.#subscribed = true;
      return isNewer;
    } catch (error) {
      this.#log.warn("no answer from the block template", { error: thrown(error) });
      return false;
    }
  }
}

/** During a deploy work may come from a template of before headers had terms. All other stays what it is: thousands of sessions may have the same. */
function stamped(work: WorkSnapshot, terms: HeaderTerms): WorkSnapshot {
  if ([work.current, ...work.jobs].every((job) => "poolDifficulty" in job && "classTable" in job)) return work;
  return { ...work, current: withTerms(work.current, terms), jobs: work.jobs.map((job) => withTerms(job, terms)) };
}

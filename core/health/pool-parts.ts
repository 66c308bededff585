import { BRING_UP, CALLS_VERSION, OLDER_PART } from "../deploy/calls-version.ts";
import { calledScripts, type PoolScript } from "../deploy/pool-scripts.ts";

/** Of which version a part is. */
export interface PartAbout {
  /** Of the calls between objects. */
  readonly calls: number;
  /** Of the pool. */
  readonly version: string;
}

/** An object of which there is one, or a few. */
export interface PoolPart {
  readonly name: string;
  readonly script: PoolScript["entry"];
  readonly about: () => Promise<PartAbout>;
  /** Where it runs, by the airport's code; null where Cloudflare does not say. May take seconds. */
  readonly dataCentre: () => Promise<string | null>;
}

/** Where a part lives, and how far it is. */
export interface PartPlace {
  readonly part: string;
  /** By the airport's code; null where it is unknown. */
  readonly dataCentre: string | null;
  /** From the API's object and back; null for one that did not answer. */
  readonly roundTripMs: number | null;
  /** Of the pool, as the part runs it; null as above. */
  readonly version: string | null;
}

/** What was found, and what of it an operator has to know. */
export interface PartsReport {
  readonly places: readonly PartPlace[];
  readonly problems: readonly string[];
}

interface Answer extends PartPlace {
  readonly script: PoolScript["entry"];
  /** Of the calls; null where that was not said. */
  readonly calls: number | null;
  readonly problem: string | null;
}

/** Asks the parts of a pool where and what they are. Objects do not move while they are in memory: each says once where it is. */
export class PoolParts {
  readonly #parts: readonly PoolPart[];
  readonly #nowMs: () => number;
  readonly #moved: () => Promise<string | null>;
  readonly #dataCentres = new Map<string, string>();

  /** @param moved what is wrong with where `home` leads; null for nothing */
  constructor(parts: readonly PoolPart[], nowMs: () => number, moved: () => Promise<string | null>) {
    this.#parts = parts;
    this.#moved = moved;
    this.#nowMs = nowMs;
  }

  async look(): Promise<PartsReport> {
    const [moved, ...answers] = await Promise.all([this.#moved(), ...this.#parts.map((part) => this.#ask(part))]);
    return {
      places: answers.map(({ part, dataCentre, roundTripMs, version }) => ({ part, dataCentre, roundTripMs, version })),
      problems: [
        ...(moved === null ? [] : [moved]),
        ...answers.flatMap(({ problem }) => problem ?? []),
        ...mixed(answers),
      ],
    };
  }

  async #ask({ name, script, about, dataCentre }: PoolPart): Promise<Answer> {
    const askedAtMs = this.#nowMs();
    const known = { part: name, script, dataCentre: this.#dataCentres.get(name) ?? null };
    try {
      const { calls, version } = await about();
      const roundTripMs = this.#nowMs() - askedAtMs;
      const here = known.dataCentre ?? (await dataCentre().catch(() => null));
      if (here !== null) this.#dataCentres.set(name, here);
      return { ...known, dataCentre: here, roundTripMs, calls, version, problem: null };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      // Whoever only is away is told of by what it is there for.
      const problem = text.includes(OLDER_PART) ? `${name} ${OLDER_PART}` : null;
      return { ...known, roundTripMs: null, calls: null, version: null, problem };
    }
  }
}

/** Scripts that call others which do not know their calls. The page is where this runs. */
function mixed(answers: readonly Answer[]): string[] {
  const spoken = new Map<PoolScript["entry"], number>([["page", CALLS_VERSION]]);
  for (const { script, calls } of answers)
    if (calls !== null && script !== "page") spoken.set(script, Math.min(calls, spoken.get(script) ?? calls));
  return [...spoken].flatMap(([caller, speaks]) =>
    calledScripts(caller).flatMap((called) => {
      const knows = spoken.get(called) ?? speaks;
      if (knows >= speaks) return [];
      return [
        `the scripts are of versions that do not fit: ${caller} calls with version ${speaks}, and ${called} knows ${knows}. ${BRING_UP}`,
      ];
    }),
  );
}

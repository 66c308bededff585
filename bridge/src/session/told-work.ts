import { elementsOf, isObject, textOf, type JsonObject } from "../json.ts";

/** Members of `mining.set` that one message carries and the next may leave out: the values that hold. */
type Settings = Readonly<Record<string, unknown>>;

/** The job of a miner, as the pool worded it. */
interface ToldJob {
  readonly text: string;
  /** Equal for jobs that a miner cannot tell apart. */
  readonly key: string;
  readonly atMs: number;
  /** `[header, seed, target]` in the eth-proxy dialect. */
  readonly triple: readonly unknown[] | null;
}

/** What one miner was last told to work on, so that it is not told the same again: ethminer begins its nonces anew at every job. */
export class ToldWork {
  /** Newest line of each setting by its method; those of EthereumStratum/2 are merged. */
  readonly #settings: Map<string, string>;
  #job: ToldJob | null;
  /** False while it was told to an earlier connection of the miner alone. */
  #told = false;

  constructor(settings: ReadonlyMap<string, string> = new Map(), job: ToldJob | null = null) {
    this.#settings = new Map(settings);
    this.#job = job;
  }

  /** The same for another connection, which has been told nothing yet. */
  copy(): ToldWork {
    return new ToldWork(this.#settings, this.#job);
  }

  /**
   * A setting goes to the miner.
   * @returns false where it says nothing that does not hold already
   */
  learnSetting(text: string, body: JsonObject): boolean {
    const method = textOf(body["method"]).toLowerCase();
    const told = this.#settings.get(method);
    const next = method === "mining.set" ? merged(told, body) : text;
    this.#settings.set(method, next);
    return next !== told || !this.#told;
  }

  /**
   * A job goes to the miner.
   * @param extranonce that it will be mined with
   * @returns false where it is the one that the miner has
   */
  learnJob(text: string, body: JsonObject, extranonce: string | null, atMs: number): boolean {
    const triple = Array.isArray(body["result"]) ? body["result"].slice(0, 3) : null;
    const named = triple ?? elementsOf(body["params"]).filter((param) => typeof param !== "boolean");
    const key = JSON.stringify([named, extranonce, triple === null ? [...this.#settings] : null]);
    const news = key !== this.#job?.key || !this.#told;
    this.#told = true;
    this.#job = { text, key, atMs, triple };
    return news;
  }

  /** The lines that tell a miner the newest job, or none where it is older than `youngMs`. */
  lines(nowMs: number, youngMs: number): readonly { readonly text: string; readonly kind: "setting" | "job" }[] {
    if (!this.#isYoung(nowMs, youngMs) || this.#job === null) return [];
    this.#told = true;
    const settings = [...this.#settings].filter(([method]) => method !== "mining.set_extranonce");
    return [...settings.map(([, text]) => ({ text, kind: "setting" as const })), { text: this.#job.text, kind: "job" }];
  }

  /** What `eth_getWork` would say: null where there is nothing young to say. */
  triple(nowMs: number, youngMs: number): readonly unknown[] | null {
    return this.#isYoung(nowMs, youngMs) ? (this.#job?.triple ?? null) : null;
  }

  #isYoung(nowMs: number, youngMs: number): boolean {
    return this.#job !== null && nowMs - this.#job.atMs <= youngMs;
  }
}

function merged(told: string | undefined, body: JsonObject): string {
  const before: unknown = told === undefined ? {} : JSON.parse(told);
  const params = isObject(before) ? paramsOf(before) : {};
  return JSON.stringify({ method: "mining.set", params: { ...params, ...paramsOf(body) } });
}

/** EIP-1571 writes params as an object; some pools wrap it in an array. */
function paramsOf(body: JsonObject): Settings {
  const params = body["params"];
  if (isObject(params)) return params;
  const [first] = elementsOf(params);
  return isObject(first) ? first : {};
}

import type { VerdictReport } from "../shares/verdict-tally.ts";
import type { SqlPort } from "../sql-port.ts";

/** Reports of the verifiers as they arrive, each of them once. One that cannot be asked now tells it all the next time. */
export class VerdictInbox {
  readonly #sql: Pick<SqlPort, "exec">;
  readonly #ask: (shard: number, seen: number) => Promise<VerdictReport | null>;
  /** Number of the last report, by shard. */
  readonly #seen = new Map<number, number>();
  readonly #saved = new Map<number, number>();
  #asking: Promise<VerdictReport[]> | null = null;

  /** @param ask a verifier, naming the last report of its that arrived */
  constructor(sql: Pick<SqlPort, "exec">, ask: (shard: number, seen: number) => Promise<VerdictReport | null>) {
    this.#sql = sql;
    this.#ask = ask;
    sql.exec("CREATE TABLE IF NOT EXISTS verdict_report (shard INTEGER PRIMARY KEY, number INTEGER NOT NULL)");
    for (const { shard, number } of sql.exec("SELECT shard, number FROM verdict_report")) {
      this.#seen.set(Number(shard), Number(number));
      this.#saved.set(Number(shard), Number(number));
    }
  }

  /** What is new. Whoever asks while others do waits, and gets what has come since. */
  async gather(shards: readonly number[]): Promise<readonly VerdictReport[]> {
    while (this.#asking !== null) await this.#asking;
    this.#asking = this.#gathered(shards).finally(() => (this.#asking = null));
    return await this.#asking;
  }

  /** What was gathered is durable: in another life it is not asked for again. */
  save(): void {
    for (const [shard, number] of this.#seen) {
      if (this.#saved.get(shard) === number) continue;
      this.#sql.exec("INSERT OR REPLACE INTO verdict_report VALUES (?, ?)", shard, number);
      this.#saved.set(shard, number);
    }
  }

  async #gathered(shards: readonly number[]): Promise<VerdictReport[]> {
    const asked = shards.map(async (shard) => {
      const report = await this.#ask(shard, this.#seen.get(shard) ?? 0);
      if (report !== null) this.#seen.set(shard, report.number);
      return report;
    });
    const answers = await Promise.allSettled(asked);
    return answers.flatMap((answer) => (answer.status === "fulfilled" && answer.value !== null ? [answer.value] : []));
  }
}

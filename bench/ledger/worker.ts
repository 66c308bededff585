// A Worker for measuring: batches of shares into the embedded ledger in the storage of a Durable Object, and what of that storage they take.
import { DurableObject } from "cloudflare:workers";
import { EmbeddedEngine } from "../../core/ledger/engine/engine.ts";
import { answerRest } from "../../core/ledger/engine/rest.ts";
import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import type { SqlPort, SqlRow } from "../../core/sql-port.ts";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { scriptSink, type ShareSink } from "./ledgers.ts";
import { ShareMaker } from "./share-maker.ts";

interface Env {
  readonly LEDGER: DurableObjectNamespace<Ledger>;
}

/** What was asked of storage. */
export interface Taken {
  readonly statements: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

export class Ledger extends DurableObject<Env> {
  readonly #maker = new ShareMaker();
  #ledger: { readonly redis: RedisPort; readonly sink: ShareSink } | null = null;
  #taken = { statements: 0, rowsRead: 0, rowsWritten: 0 };

  /** Each batch is a commit of its own, as in the pool. */
  async record(batches: number, shares: number, logins: number): Promise<Taken> {
    const { redis, sink } = (this.#ledger ??= this.#open());
    // As in a pool whose figures somebody reads: from then on the set of all logins is in memory by score.
    await redis.command(["ZCOUNT", "eth:hashrate", "-inf", "+inf"]);
    this.#taken = { statements: 0, rowsRead: 0, rowsWritten: 0 };
    for (let batch = 0; batch < batches; batch += 1) {
      await sink.write(Array.from({ length: shares }, () => this.#maker.share(this.#maker.login(logins))));
      await scheduler.wait(0);
    }
    return this.#taken;
  }

  #open() {
    const engine = new EmbeddedEngine({ sql: this.#counted(), nowMs: () => Date.now() });
    const rest = async (path: string, body: readonly unknown[]) => answerRest(engine, path, body, false);
    const redis = embeddedPort({ rest }, 60_000);
    return { redis, sink: scriptSink("embedded ledger in workerd", redis) };
  }

  #counted(): SqlPort {
    const { storage } = this.ctx;
    return {
      exec: (statement, ...parameters) => {
        const cursor = storage.sql.exec<SqlRow>(statement, ...parameters);
        const rows = cursor.toArray();
        this.#taken.statements += 1;
        this.#taken.rowsRead += cursor.rowsRead;
        this.#taken.rowsWritten += cursor.rowsWritten;
        return rows;
      },
      transaction: (work) => storage.transactionSync(work),
      durable: () => storage.sync(),
    };
  }
}

export default {
  fetch: async (request: Request, env: Env): Promise<Response> => {
    const numberOf = (name: string) => Number(new URL(request.url).searchParams.get(name));
    const ledger = env.LEDGER.getByName(`batches of ${numberOf("shares")}`);
    return Response.json(await ledger.record(numberOf("batches"), numberOf("shares"), numberOf("logins")));
  },
};

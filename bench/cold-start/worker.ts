// Inside workerd: the light cache built in slices as the pool does it, beside the same cache read back from a Durable Object's SQLite.
import { DurableObject } from "cloudflare:workers";
import { customChain, Ethash } from "@edgepool/ethash-wasm";
import kernel from "@edgepool/ethash-wasm/kernel.wasm";
import { epochOf } from "../../core/chain-spec.ts";
import { CacheKeeper } from "../../core/shares/cache-keeper.ts";
import type { CacheTimes } from "./cache-times.ts";

const CHAIN = customChain({ name: "bench" });
const ROW_BYTES = 1024 * 1024;
const PAGE_BYTES = 65_536;

interface Env {
  readonly BENCH: DurableObjectNamespace<Bench>;
}

export class Bench extends DurableObject<Env> {
  async times(epochNumber: number): Promise<CacheTimes> {
    const epoch = epochOf(CHAIN, epochNumber * CHAIN.epochLength);
    const ethash = Ethash.instantiate(kernel);
    const keeper = new CacheKeeper(() => ethash, epoch.cacheBytes);
    const started = Date.now();
    let slices = 0;
    let longestSliceMs = 0;
    for (let done = false; !done; slices++) {
      const before = Date.now();
      done = keeper.step(epoch, before) === "ready";
      longestSliceMs = Math.max(longestSliceMs, Date.now() - before);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const buildMs = Date.now() - started;
    const saveMs = await this.#save(ethash.cache());
    return { cacheBytes: epoch.cacheBytes, buildMs, slices, longestSliceMs, ...saveMs, loadMs: await this.#load() };
  }

  async #save(cache: Uint8Array): Promise<{ saveMs: number; rows: number }> {
    const { sql } = this.ctx.storage;
    sql.exec("DROP TABLE IF EXISTS cache; CREATE TABLE cache (at INTEGER PRIMARY KEY, part BLOB)");
    const started = Date.now();
    let rows = 0;
    for (let at = 0; at < cache.length; at += ROW_BYTES, rows++)
      sql.exec("INSERT INTO cache VALUES (?, ?)", at, cache.slice(at, at + ROW_BYTES).buffer);
    await this.ctx.storage.sync();
    return { saveMs: Date.now() - started, rows };
  }

  /** Into WebAssembly memory, which is where a kernel would need it. */
  async #load(): Promise<number> {
    const { sql } = this.ctx.storage;
    const size = Number(sql.exec("SELECT sum(length(part)) AS n FROM cache").one()["n"]);
    const memory = new WebAssembly.Memory({ initial: Math.ceil(size / PAGE_BYTES) });
    const target = new Uint8Array(memory.buffer);
    const started = Date.now();
    for (let at = 0; at < size; at += ROW_BYTES) {
      const { part } = sql.exec<{ part: ArrayBuffer }>("SELECT part FROM cache WHERE at = ?", at).one();
      target.set(new Uint8Array(part), at);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return Date.now() - started;
  }
}

export default {
  fetch: async (request: Request, env: Env): Promise<Response> => {
    const epoch = Number(new URL(request.url).searchParams.get("epoch"));
    return Response.json(await env.BENCH.getByName(`epoch-${epoch}`).times(epoch));
  },
};

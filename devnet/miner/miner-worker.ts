// One search thread of the CPU miner: takes orders, tries nonces in batches, and looks for a newer order between batches.
import { setImmediate as breathe, setTimeout as rest } from "node:timers/promises";
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { Ethash, MAX_BATCH, meetsTarget, toHex } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import type { SearchOrder, SearchReport } from "./miner-messages.ts";

/** Hashes between two looks at the order: as many as the kernel interleaves. */
const BATCH = Math.min(32, MAX_BATCH);
/** Cache items between two looks at the order: about 40 ms. */
const SLICE_ITEMS = 131_072;
const REPORT_EVERY_MS = 500;

/** The newest order of the main thread. */
class Orders {
  #latest: SearchOrder = null;
  #wake: (() => void) | null = null;

  constructor(port: MessagePort) {
    port.on("message", (next: SearchOrder) => {
      this.#latest = next;
      this.#wake?.();
    });
  }

  get latest(): SearchOrder {
    return this.#latest;
  }

  /** Waits until there is something to search. */
  async next(): Promise<NonNullable<SearchOrder>> {
    while (this.#latest === null) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#latest;
  }
}

/** @param restMs after each batch */
async function search(port: MessagePort, restMs: number): Promise<never> {
  const orders = new Orders(port);
  const ethash = Ethash.instantiate(loadKernel());
  const hashes = new HashCounter(port);
  let sequence = 0;
  let nonce = 0n;
  for (;;) {
    const order = await orders.next();
    if (ethash.epoch?.seedRounds !== order.epoch.seedRounds) await buildCache(ethash, order, port, orders);
    else {
      if (order.sequence !== sequence) ({ sequence, nonce } = order);
      nonce = tryBatch(ethash, order, nonce, port);
      hashes.add(BATCH);
      if (restMs > 0) await rest(restMs);
    }
    await breathe();
  }
}

/** Builds the cache of an order's epoch; gives up when a newer order needs another one. */
async function buildCache(
  ethash: Ethash,
  wanted: NonNullable<SearchOrder>,
  port: MessagePort,
  orders: Orders,
): Promise<void> {
  const build = ethash.startCache(wanted.epoch);
  let told = -1;
  while (!build.done && (orders.latest ?? wanted).epoch.seedRounds === wanted.epoch.seedRounds) {
    const progress = build.step(SLICE_ITEMS);
    if (Math.floor(progress * 20) > told) {
      told = Math.floor(progress * 20);
      report(port, { kind: "cache", epoch: wanted.epoch.number, progress });
    }
    await breathe();
  }
}

/** @returns the nonce to go on with */
function tryBatch(ethash: Ethash, order: NonNullable<SearchOrder>, first: bigint, port: MessagePort): bigint {
  const fixed = order.nonce & ~order.freeMask;
  const nonces = Array.from({ length: BATCH }, (_, index) => fixed | ((first + BigInt(index)) & order.freeMask));
  const results = ethash.hashBatch(nonces.map((nonce) => ({ header: order.header, nonce })));
  for (const [index, { result, mixDigest }] of results.entries()) {
    const nonce = nonces[index];
    if (nonce === undefined || !meetsTarget(result, order.target)) continue;
    report(port, { kind: "found", sequence: order.sequence, nonce, mixDigest: toHex(mixDigest) });
  }
  return first + BigInt(BATCH);
}

/** Sums hashes and tells them now and then, not at every batch. */
class HashCounter {
  readonly #port: MessagePort;
  #count = 0;
  #toldAt = performance.now();

  constructor(port: MessagePort) {
    this.#port = port;
  }

  add(count: number): void {
    this.#count += count;
    if (performance.now() - this.#toldAt < REPORT_EVERY_MS) return;
    report(this.#port, { kind: "hashes", count: this.#count });
    this.#count = 0;
    this.#toldAt = performance.now();
  }
}

function report(port: MessagePort, message: SearchReport): void {
  port.postMessage(message);
}

if (parentPort === null) throw new Error("miner-worker.ts runs as a worker thread of miner.ts");
await search(parentPort, Number(workerData));

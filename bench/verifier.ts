/**
 * What a verifier's queue spends on a share and how long a share waits, with the real kernel and a light cache of today's size, in Node:
 * evenly spaced shares of sixteen miners, then the same beside junk that no cheap test can judge.
 * `npm run bench -- bench/verifier.ts [seconds a line]`, one JSON object a line.
 */
import { availableParallelism, cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { chainByName, epochOf } from "../core/chain-spec.ts";
import type { Clock } from "../core/clock.ts";
import { CacheKeeper } from "../core/shares/cache-keeper.ts";
import { VerificationQueue } from "../core/shares/verification-queue.ts";
import { kernelAt } from "../test/support/pow.ts";
import { distributionOf } from "./latency/distribution.ts";

const HEIGHT = 23_500_000;
const MINERS = 16;
const STRANGERS = 13;
const HEADER = `0x${"a5".repeat(32)}`;
const seconds = Number(process.argv[2] ?? 10);

const chain = chainByName("classic");
if (!chain) throw new Error("no such chain");
const epoch = epochOf(chain, HEIGHT);
const kernel = kernelAt(chain, HEIGHT);
const clock: Clock = {
  nowMs: () => performance.timeOrigin + performance.now(),
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
};
const keeper = new CacheKeeper(() => kernel, 80 << 20);
// The keeper takes the instance in.
keeper.resultOf(HEADER, "0x0000000000000000", HEADER);
let nonce = 0;

/** What the loop that submits costs without shares, ms of CPU. */
async function idle(): Promise<number> {
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  while (performance.now() - startMs < seconds * 1_000) await sleep(1);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1_000;
}

/** @param perSecond shares of the miners, and lines of junk beside them */
async function measure(perSecond: number, junkPerSecond: number): Promise<void> {
  const queue = new VerificationQueue({ keeper, clock, bound: 2_000, onFailure: (error) => console.error(error) });
  const waits: number[] = [];
  let [sent, junk, hashed, refused] = [0, 0, 0, 0];
  const verify = async (lane: "judged" | "unjudged", sender: string, done: (tookMs: number) => void) => {
    const startMs = performance.now();
    const input = { header: HEADER, nonce: `0x${(nonce++).toString(16).padStart(16, "0")}` };
    try {
      await queue.verify(epoch, input, { lane, sender });
      hashed += 1;
      done(performance.now() - startMs);
    } catch {
      refused += 1;
    }
  };
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  for (let atMs = 0; atMs < seconds * 1_000; atMs = performance.now() - startMs) {
    for (; sent < (atMs * perSecond) / 1_000; sent++)
      void verify("judged", `miner ${sent % MINERS}`, (tookMs) => waits.push(tookMs));
    for (; junk < (atMs * junkPerSecond) / 1_000; junk++)
      void verify("unjudged", `stranger ${junk % STRANGERS}`, () => undefined);
    await sleep(1);
  }
  await sleep(500);
  const { user, system } = process.cpuUsage(cpu);
  const { p50, p99, max, count } = distributionOf(waits);
  const cpuMs = ((user + system) / 1_000 - idleMs) / hashed;
  console.log(
    JSON.stringify({
      perSecond,
      junkPerSecond,
      shares: count,
      refused,
      cpuMsPerShare: Number(cpuMs.toFixed(2)),
      p50,
      p99,
      max,
    }),
  );
}

console.log(
  JSON.stringify({ cpu: cpus()[0]?.model, cores: availableParallelism(), epoch: epoch.number, node: process.version }),
);
const idleMs = await idle();
for (const perSecond of [30, 400, 1_000]) await measure(perSecond, 0);
for (const junkPerSecond of [0, 200, 2_000]) await measure(30, junkPerSecond);

/**
 * Shares through the whole pool beside native verification, in one run: `npm run bench -- bench/peers.ts`. Shares of difficulty 1 with a
 * light cache of today's size are found first; then real WebSockets submit them to the pool in workerd, with a redis-server behind the
 * gateway and with the embedded ledger: as fast as answers come, and evenly at several rates. Needs redis-server, pip and a C++ compiler.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import { wholeNumber } from "../devnet/cli/arguments.ts";
import type { DevNode } from "../devnet/node/node.ts";
import { type Native, startNative } from "../wasm/bench/native-peer.ts";
import { distributionOf } from "./latency/distribution.ts";
import { LEDGERS, type LedgerName } from "./peers/ledgers.ts";
import { measuredEpoch } from "./peers/measured-epoch.ts";
import { type MeasuredPool, startMeasuredPool, startSteadyNode } from "./peers/measured-pool.ts";
import { Premined, type Share } from "./peers/premined.ts";
import { type IdleRow, type PeersResult, peersReport, plotPeers, type PoolRow, type Subject } from "./peers/report.ts";
import { Rigs } from "./peers/rigs.ts";
import { machineCpuSeconds } from "./pool/process-usage.ts";

const PAGE = join(import.meta.dirname, "../docs/BENCHMARKS.md");
const options = new Command("peers")
  .description("Shares through the whole pool, beside native verification in the same run")
  .option("--seconds <number>", "of each row", wholeNumber, 20)
  .option("--rates <numbers>", "shares a second, evenly spaced", "30,400,1000")
  .addOption(new Option("--ledger <name>", "only one").choices([...LEDGERS]))
  .option("--logins <number>", "logins", wholeNumber, 32)
  .option("--rigs <number>", "rigs a login", wholeNumber, 4)
  .option("--out <directory>", "where peers.json and peers.svg go", join(import.meta.dirname, "results"))
  .option("--page <file>", "page whose part between the marks `peers` is written anew; an empty name: none", PAGE)
  .parse()
  .opts<{
    seconds: number;
    rates: string;
    ledger?: LedgerName;
    logins: number;
    rigs: number;
    out: string;
    page: string;
  }>();

/** A pool in a closed loop is not expected to do more. */
const FASTEST = 2_000;
const WARM_UP_S = 5;
/** For so long shares come at a row's rate before they count: a rush out of nothing is another question. */
const LEAD_S = 2;
const NATIVE_SHARES = 300;
const REST_MS = 1_000;
const MARKS = /(<!-- peers -->\n)[^]*(<!-- \/peers -->)/;

const { seconds, logins } = options;
const rates = [null, ...options.rates.split(",").map(Number)];
const cpuNow = async () => ({ machine: await machineCpuSeconds(), own: process.cpuUsage() });

async function measure(subject: Subject, rate: number | null, scene: Scene): Promise<PoolRow> {
  const { measured, rigs, take } = scene;
  if (rate !== null) await rigs.evenly(take(rate * LEAD_S), rate);
  const shares = take((rate ?? FASTEST) * seconds);
  const [before, cpuBefore] = [await measured.counters(), await cpuNow()];
  const load = rate === null ? await rigs.closedLoop(shares, seconds) : await rigs.evenly(shares, rate);
  const [after, cpuAfter] = [await measured.counters(), await cpuNow()];
  const { user, system } = process.cpuUsage(cpuBefore.own);
  const since = (name: Exclude<keyof typeof after, "commands">) => after[name] - before[name];
  const ms = (cpuSeconds: number) => (cpuSeconds * 1_000) / load.accepted;
  // What a clock saw of hashing, less the part of the time in which a thread that could run had no processor.
  const hashing = (since("hashing") * since("workerd")) / (since("workerd") + since("waited"));
  const parts = since("workerd") + since("gateway") + since("redis") + (user + system) / 1e6;
  const others = cpuAfter.machine - cpuBefore.machine - parts;
  const commands = after.commands === null || before.commands === null ? null : after.commands - before.commands;
  return {
    subject,
    rate,
    sent: load.sent,
    refused: load.sent - load.accepted,
    refusal: load.refusal,
    sharesPerSecond: load.accepted / load.seconds,
    cpuMs: {
      hashing: ms(hashing),
      plumbing: ms(since("workerd") - hashing),
      gateway: ms(since("gateway")),
      redis: ms(since("redis")),
    },
    latency: distributionOf(load.latenciesMs),
    sharesPerBatch: since("hashed") / since("batches"),
    commandsPerShare: commands === null ? null : commands / load.accepted,
    othersPercent: Math.max(0, (100 * others) / load.seconds / availableParallelism()),
  };
}

interface Scene {
  readonly measured: MeasuredPool;
  readonly rigs: Rigs;
  /** The next shares that this pool has not seen. */
  readonly take: (count: number) => readonly Share[];
}

/**
 * What is measured beside a pool, in its process: a socket, a call and a hash for each share and no pool around it; see bench/peers/sessions.
 * The one that gathers in the isolate answers in a closed loop only: at a rate the one who gathers ends before the others' answers.
 */
const FLOORS = { floor: "floor", "floor-bundles": "floor, bundled" } as const satisfies Readonly<
  Record<string, Subject>
>;

async function measurePool(ledger: LedgerName, withFloors: boolean, node: DevNode, shares: readonly Share[]) {
  const measured = await startMeasuredPool(ledger, node, logins);
  const opened: Rigs[] = [];
  const open = async (path: string): Promise<Scene> => {
    const rigs = await Rigs.open(measured.pool.url, node.chain.current.header, logins, options.rigs, path);
    opened.push(rigs);
    let taken = 0;
    const take = (count: number) => shares.slice(taken, (taken += count));
    // The light cache, and code that V8 has not seen.
    await rigs.closedLoop(take(1), 1);
    await sleep(2 * REST_MS);
    await rigs.closedLoop(take(WARM_UP_S * FASTEST), WARM_UP_S);
    return { measured, rigs, take };
  };
  try {
    const scenes = new Map<Subject, Scene>([[ledger, await open("stratum")]]);
    const idleMs = await idleCpu(measured);
    // They know no share again, so that all may take the same.
    if (withFloors) for (const [path, subject] of Object.entries(FLOORS)) scenes.set(subject, await open(path));
    const rows: PoolRow[] = [];
    for (const rate of rates) {
      for (const [subject, scene] of scenes) {
        if (rate !== null && subject === FLOORS["floor-bundles"]) continue;
        await sleep(REST_MS);
        const row = await measure(subject, rate, scene);
        const { p50, p99 } = row.latency;
        if (row.refusal !== "") console.error(`refused: ${row.refusal}`);
        const [what, perSecond] = [`${subject}, ${rate ?? "closed loop"}`, row.sharesPerSecond.toFixed(0)];
        console.error(`${what}: ${perSecond}/s, p50 ${p50}, p99 ${p99} ms`);
        rows.push(row);
      }
    }
    return { idle: { ledger, msPerSecond: idleMs }, rows };
  } finally {
    for (const rigs of opened) rigs.close();
    await measured.close();
  }
}

/** What the pool does while nobody submits: polls, cron, its API. @returns ms of CPU a second */
async function idleCpu(measured: MeasuredPool): Promise<number> {
  const before = await measured.counters();
  await sleep(seconds * 1_000);
  const after = await measured.counters();
  return (
    ((after.workerd + after.gateway + after.redis - before.workerd - before.gateway - before.redis) * 1_000) / seconds
  );
}

/** Has native code verify the last shares that we made. @returns ms of CPU a share. @throws Error when it disagrees */
async function verifyNatively(native: Native, header: string, last: Premined["last"]): Promise<number> {
  const firstNonce = BigInt(last.nonce - NATIVE_SHARES + 1);
  const work = { header: header.slice(2), firstNonce, shares: 1, calls: NATIVE_SHARES };
  const { milliseconds, lastResult } = await native.hash(work);
  if (lastResult !== last.result) throw new Error(`native code got ${lastResult} where we got ${last.result}`);
  return milliseconds / NATIVE_SHARES;
}

const load = loadavg()[0]?.toFixed(1);
const machine = `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} processors, under a load of ${load} at the start, Node ${process.version}`;
const node = await startSteadyNode();
const native = startNative();
const rows: PoolRow[] = [];
const idle: IdleRow[] = [];
const msPerShare: number[] = [];
try {
  const { header } = node.chain.current;
  const epoch = measuredEpoch();
  await native.build(epoch);
  const premined = new Premined(epoch, header);
  const wanted = rates.reduce(
    (sum: number, rate) => sum + (rate ?? FASTEST) * (seconds + LEAD_S),
    1 + WARM_UP_S * FASTEST,
  );
  const shares = premined.take(wanted);
  msPerShare.push(await verifyNatively(native, header, premined.last));
  const ledgers = LEDGERS.filter((name) => options.ledger === undefined || name === options.ledger);
  for (const ledger of ledgers) {
    const measured = await measurePool(ledger, ledger === ledgers[0], node, shares);
    idle.push(measured.idle);
    rows.push(...measured.rows);
    msPerShare.push(await verifyNatively(native, header, premined.last));
  }
} finally {
  await native.stop();
  await node.close();
}
const given = process.argv.slice(2).join(" ");
const result: PeersResult = {
  machine,
  command: `npm run bench -- ${relative(process.cwd(), import.meta.filename)}${given === "" ? "" : ` ${given}`}`,
  seconds,
  logins,
  rigs: logins * options.rigs,
  native: { name: native.name, msPerShare },
  idle,
  rows,
};
const text = peersReport(result);
await mkdir(options.out, { recursive: true });
await writeFile(join(options.out, "peers.json"), `${JSON.stringify(result, null, 2)}\n`);
await writeFile(join(options.out, "peers.svg"), await plotPeers(result));
if (options.page !== "") {
  const page = await readFile(options.page, "utf8");
  await writeFile(
    options.page,
    page.replace(MARKS, (_, from: string, to: string) => `${from}\n${text}\n${to}`),
  );
}
console.log(text);
process.exit();

// Honest miners of all dialects beside attackers, and what each attack costs either side: node bench/attack.ts
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import * as v from "valibot";
import { type Order, type Spent, spentSchema } from "./attack/attackers.ts";
import { ATTACKS, CONTROL } from "./attack/attacks.ts";
import { startCountedPool, type CountedPool } from "./attack/counted-pool.ts";
import { HonestRigs } from "./attack/honest-rigs.ts";
import { canPin, pinOthers, pinPool } from "./attack/processors.ts";
import { plotAttacks, report, type Row, withoutLatencies } from "./attack/report.ts";
import { distributionOf } from "./latency/distribution.ts";

const options = new Command("attack")
  .description("Attacks a pool on this machine and looks at what its honest miners notice")
  .option("--seconds <seconds>", "how long each attack takes", "20")
  .option("--only <text>", "only attacks whose name has this in it", "")
  .option("--out <directory>", "where attack.md, attack.json and attack.svg go", join(import.meta.dirname, "results"))
  .parse()
  .opts<{ seconds: string; only: string; out: string }>();

const SECONDS = Number(options.seconds);
/** Hashes for an honest share: 19 of 20 random nonces miss it. */
const DIFFICULTY = 20;
const RIGS_A_DIALECT = 2;
const SHARE_EVERY_MS = 250;
/** Memory is looked at so often in each stretch. */
const LOOKS = 5;
/** Time for sockets to be taken down. */
const REST_MS = 2_000;
const CALM = "calm";

const isPinned = await canPin();
if (isPinned) await pinOthers();
const attackers = fork(join(import.meta.dirname, "attack/attackers.ts"));

async function attack(order: Order): Promise<Spent> {
  if (order.name === CALM) return { effort: { connections: 0, bytes: 0, closed: 0 }, cpuSeconds: 0 };
  attackers.send(order);
  const [spent] = await once(attackers, "message");
  return v.parse(spentSchema, spent);
}

async function measure(name: string, counted: CountedPool, rigs: HonestRigs): Promise<Row> {
  await counted.costs();
  const before = await counted.usage();
  const ownBefore = process.cpuUsage();
  const { url } = counted.pool;
  const [harvest, { effort, cpuSeconds: attackersCpuSeconds }, memoryMb] = await Promise.all([
    rigs.mine(SECONDS * 1_000, SHARE_EVERY_MS),
    attack({ name, url, header: counted.header, seconds: SECONDS }),
    watchMemory(counted),
  ]);
  const { cpuSeconds } = await counted.usage();
  const { user, system } = process.cpuUsage(ownBefore);
  const own = user + system;
  await sleep(REST_MS);
  return {
    name,
    seconds: SECONDS,
    sharesPerSecond: harvest.accepted / SECONDS,
    refused: harvest.sent - harvest.accepted,
    latenciesMs: harvest.latenciesMs,
    dialects: Object.fromEntries(Object.entries(harvest.byDialect).map(([one, ms]) => [one, distributionOf(ms)])),
    memoryMb,
    cpuSeconds: cpuSeconds - before.cpuSeconds,
    rigsCpuSeconds: own / 1e6,
    attackersCpuSeconds,
    effort,
    costs: await counted.costs(),
  };
}

/** Resident memory in MB, after each part of the stretch. */
async function watchMemory(counted: CountedPool): Promise<number[]> {
  const seen: number[] = [];
  for (let look = 0; look < LOOKS; look++) {
    await sleep((SECONDS * 1_000) / LOOKS);
    seen.push((await counted.usage()).memoryMb);
  }
  return seen;
}

const attacks = ATTACKS.filter(({ name }) => name !== CONTROL && name.includes(options.only));
const counted = await startCountedPool(DIFFICULTY);
try {
  if (isPinned) await pinPool(counted.pool.pid ?? -1);
  // What is compared with comes before and after: a pool that has run for minutes is not the one of the start.
  const names = [CALM, CONTROL, ...attacks.map((one) => one.name), CONTROL];
  const stretches = names.length + 1;
  const shares = Math.ceil((stretches * SECONDS * 1_000) / SHARE_EVERY_MS) + stretches * 2;
  const rigs = await HonestRigs.open(counted.pool.url, counted.header, DIFFICULTY, RIGS_A_DIALECT, shares);
  // The light cache, and every login's first share.
  await rigs.mine(SECONDS * 1_000, SHARE_EVERY_MS);
  const rows: Row[] = [];
  for (const name of names) {
    const row = await measure(name, counted, rigs);
    rows.push(row);
    const { p50, p99 } = distributionOf(row.latenciesMs);
    const figures = `p50 ${p50} ms, p99 ${p99} ms, ${row.cpuSeconds.toFixed(2)} s of CPU, ${row.memoryMb.join(" ")} MB`;
    console.error(`${row.name}: ${row.sharesPerSecond.toFixed(1)} shares/s, ${row.refused} refused, ${figures}`);
  }
  rigs.close();
  const processors = `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} processors`;
  const machine = `${processors} under a load of ${loadavg()[0]?.toFixed(1)}, Node ${process.version}`;
  const text = report({ machine, isPinned }, rows, counted.errors);
  await mkdir(options.out, { recursive: true });
  await writeFile(
    join(options.out, "attack.json"),
    `${JSON.stringify({ machine, isPinned, rows: rows.map(withoutLatencies) }, null, 2)}\n`,
  );
  await writeFile(join(options.out, "attack.md"), text);
  await writeFile(join(options.out, "attack.svg"), await plotAttacks(rows));
  console.log(text);
} finally {
  attackers.kill();
  await counted.close();
}
process.exit();

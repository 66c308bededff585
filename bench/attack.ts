// Honest miners of all dialects beside attackers, and what each attack costs either side: node bench/attack.ts
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import * as v from "valibot";
import { type Order, type Spent, spentSchema } from "./attack/attackers.ts";
import { ATTACKS } from "./attack/attacks.ts";
import { startCountedPool, type CountedPool } from "./attack/counted-pool.ts";
import { HonestRigs } from "./attack/honest-rigs.ts";
import { plotAttacks, report, type Row } from "./attack/report.ts";
import { distributionOf } from "./latency/distribution.ts";

const options = new Command("attack")
  .description("Attacks a pool on this machine and looks at what its honest miners notice")
  .option("--seconds <seconds>", "how long each attack takes", "10")
  .option("--only <text>", "only attacks whose name has this in it", "")
  .option("--out <directory>", "where attack.md, attack.json and attack.svg go", join(import.meta.dirname, "results"))
  .parse()
  .opts<{ seconds: string; only: string; out: string }>();

const SECONDS = Number(options.seconds);
/** Hashes for an honest share: 19 of 20 random nonces miss it. */
const DIFFICULTY = 20;
const RIGS_A_DIALECT = 2;
const SHARE_EVERY_MS = 500;
/** Time for sockets to be taken down. */
const REST_MS = 2_000;
const CALM = "calm";
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
  const [harvest, { effort, cpuSeconds: attackersCpuSeconds }] = await Promise.all([
    rigs.mine(SECONDS * 1_000, SHARE_EVERY_MS),
    attack({ name, url, header: counted.header, seconds: SECONDS }),
  ]);
  const { cpuSeconds, memoryMb } = await counted.usage();
  const { user, system } = process.cpuUsage(ownBefore);
  const own = user + system;
  await sleep(REST_MS);
  return {
    name,
    seconds: SECONDS,
    sharesPerSecond: harvest.accepted / SECONDS,
    refused: harvest.sent - harvest.accepted,
    latency: distributionOf(harvest.latenciesMs.length > 0 ? harvest.latenciesMs : [Number.NaN]),
    memoryMb,
    cpuSeconds: cpuSeconds - before.cpuSeconds,
    rigsCpuSeconds: own / 1e6,
    attackersCpuSeconds,
    effort,
    costs: await counted.costs(),
  };
}

const attacks = ATTACKS.filter(({ name }) => name.includes(options.only));
const counted = await startCountedPool(DIFFICULTY);
try {
  const stretches = attacks.length + 2;
  const shares = Math.ceil((stretches * SECONDS * 1_000) / SHARE_EVERY_MS) + stretches * 2;
  const rigs = await HonestRigs.open(counted.pool.url, counted.header, DIFFICULTY, RIGS_A_DIALECT, shares);
  // The light cache, and every login's first share.
  await rigs.mine(SECONDS * 1_000, SHARE_EVERY_MS);
  const rows: Row[] = [];
  for (const name of [CALM, ...attacks.map((one) => one.name)]) {
    const row = await measure(name, counted, rigs);
    rows.push(row);
    console.error(
      `${row.name}: ${row.sharesPerSecond.toFixed(1)} shares/s, ${row.refused} refused, p99 ${row.latency.p99} ms, ${row.cpuSeconds.toFixed(2)} s of CPU`,
    );
  }
  rigs.close();
  const processors = `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} processors`;
  const machine = `${processors} under a load of ${loadavg()[0]?.toFixed(1)}, Node ${process.version}`;
  const text = report(machine, rows, counted.errors);
  await mkdir(options.out, { recursive: true });
  await writeFile(join(options.out, "attack.json"), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  await writeFile(join(options.out, "attack.md"), text);
  await writeFile(join(options.out, "attack.svg"), await plotAttacks(rows));
  console.log(text);
} finally {
  attackers.kill();
  await counted.close();
}
process.exit();

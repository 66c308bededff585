// Honest miners of all dialects beside attackers, and what each attack costs either side: node bench/attack.ts
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { wholeNumber } from "../devnet/cli/arguments.ts";
import type { Order, Spent } from "./attack/attackers.ts";
import { AttackersProcess, attacksNamed } from "./attack/attackers-process.ts";
import { CONTROL } from "./attack/attacks.ts";
import { compare, latencyOf, secondsOf } from "./attack/comparison.ts";
import { type CountedPool, startCountedPool } from "./attack/counted-pool.ts";
import { HonestRigs } from "./attack/honest-rigs.ts";
import { canPin, goFirst, pinEdge, pinOthers, pinPool } from "./attack/processors.ts";
import { plotAttacks, report, type Row } from "./attack/report.ts";
import { joined, type Stretch } from "./attack/stretch.ts";
import { workerdUsage } from "./pool/process-usage.ts";

const options = new Command("attack")
  .description("Attacks a pool on this machine and looks at what its honest miners notice")
  .option("--seconds <seconds>", "how long a stretch of an attack, or of none, takes", wholeNumber, 6)
  .option("--pairs <number>", "stretches of each attack, each after one of nobody's", wholeNumber, 4)
  .option("--every <milliseconds>", "a share of each of the ten honest rigs", wholeNumber, 250)
  .option("--difficulty <hashes>", "of an honest share; how often junk happens to be one", wholeNumber, 20)
  .option("--only <texts...>", "only attacks whose name has one of these in it", [""])
  .option("--together", "attackers come to the pool's own process, and not to a Worker that has its own")
  .option("--out <directory>", "where attack.md, attack.json and attack.svg go", join(import.meta.dirname, "results"))
  .parse()
  .opts<{
    seconds: number;
    pairs: number;
    every: number;
    difficulty: number;
    only: string[];
    together?: boolean;
    out: string;
  }>();

const RIGS_A_DIALECT = 2;
/** Of all ten rigs. */
const SHARES_A_SECOND = Math.round((10 * 1_000) / options.every);
/** Time for sockets to be taken down. */
const REST_MS = 2_000;
const CALM = "calm";

const isPinned = await canPin();
if (isPinned) await pinOthers();
const attackers = new AttackersProcess();

async function attack(order: Order): Promise<Spent> {
  if (order.name === CALM) return { effort: { connections: 0, bytes: 0, closed: 0 }, cpuSeconds: 0 };
  return await attackers.attack(order);
}

async function measure(name: string, counted: CountedPool, rigs: HonestRigs): Promise<Stretch> {
  const { pool, edge, header } = counted;
  const { seconds } = options;
  const edgeUsage = async () => (edge === null ? { cpuSeconds: 0 } : await workerdUsage(edge.pid ?? -1));
  await counted.costs();
  const [before, edgeBefore, ownBefore] = [await counted.usage(), await edgeUsage(), process.cpuUsage()];
  const [harvest, { effort, cpuSeconds: attackersCpuSeconds }] = await Promise.all([
    rigs.mine(seconds * 1_000, options.every),
    attack({ name, url: (edge ?? pool).url, header, seconds }),
  ]);
  const { cpuSeconds, memoryMb } = await counted.usage();
  const { user, system } = process.cpuUsage(ownBefore);
  const edgeCpuSeconds = (await edgeUsage()).cpuSeconds - edgeBefore.cpuSeconds;
  if (name !== CONTROL) await sleep(REST_MS);
  return {
    seconds,
    sent: harvest.sent,
    accepted: harvest.accepted,
    latenciesMs: harvest.latenciesMs,
    memoryMb,
    cpuSeconds: cpuSeconds - before.cpuSeconds,
    edgeCpuSeconds,
    rigsCpuSeconds: (user + system) / 1e6,
    attackersCpuSeconds,
    effort,
    costs: await counted.costs(),
  };
}

/** An attack and nobody by turns, so that both see the same pool and the same machine. */
async function compared(name: string, counted: CountedPool, rigs: HonestRigs, nobodys: Stretch[]): Promise<Row> {
  const [controls, attacked]: [Stretch[], Stretch[]] = [[], []];
  for (let pair = 0; pair < options.pairs; pair++) {
    controls.push(await measure(CONTROL, counted, rigs));
    attacked.push(await measure(name, counted, rigs));
  }
  nobodys.push(...controls);
  return rowOf(name, attacked, controls);
}

function rowOf(name: string, stretches: readonly Stretch[], controls: readonly Stretch[]): Row {
  const [measured, control] = [stretches, controls].map((all) =>
    all.flatMap(({ latenciesMs }) => secondsOf(latenciesMs, SHARES_A_SECOND)),
  );
  return {
    name,
    ...joined(stretches),
    latency: latencyOf(measured ?? []),
    control: controls.length === 0 ? null : { latency: latencyOf(control ?? []), ...joined(controls) },
    over: controls.length === 0 ? null : compare(measured ?? [], control ?? []),
  };
}

const told = (row: Row): void => {
  const { name, latency, control, over, memoryMb, refused } = row;
  const beside =
    control === null || over === null
      ? ""
      : `, nobody ${control.latency.p99} ms: ${over.percent} % (${over.low} to ${over.high})`;
  console.error(
    `${name}: ${row.sharesPerSecond.toFixed(1)} shares/s, ${refused} refused, p50 ${latency.p50} ms, p99 ${latency.p99} ms${beside}, ${row.cpuSeconds.toFixed(2)} s of CPU, ${memoryMb.join(" ")} MB`,
  );
};

const attacks = attacksNamed(options.only);
const counted = await startCountedPool(options.difficulty, options.together !== true);
try {
  if (isPinned) {
    await pinPool(counted.pool.pid ?? -1);
    if (counted.edge !== null) await pinEdge(counted.edge.pid ?? -1);
  }
  const stretches = attacks.length * options.pairs * 2 + 2;
  const shares = Math.ceil((stretches * options.seconds * 1_000) / options.every) + stretches * 2;
  const rigs = await HonestRigs.open(counted.pool.url, counted.header, options.difficulty, RIGS_A_DIALECT, shares);
  const goesFirst = await goFirst();
  console.error("the rigs have their shares");
  // The light cache, and every login's first share.
  await rigs.mine(options.seconds * 1_000, options.every);
  const rows: Row[] = [rowOf(CALM, [await measure(CALM, counted, rigs)], [])];
  const nobodys: Stretch[] = [];
  for (const { name } of attacks) {
    const row = await compared(name, counted, rigs, nobodys);
    rows.push(row);
    told(row);
  }
  // What the same thing differs from itself by.
  const [even, odd] = [0, 1].map((half) => nobodys.filter((_, at) => at % 2 === half));
  const itself = rowOf(CONTROL, even ?? [], odd ?? []);
  rows.splice(1, 0, itself);
  told(itself);
  rigs.close();
  const processors = `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} processors`;
  const machine = `${processors} under a load of ${loadavg()[0]?.toFixed(1)}, Node ${process.version}`;
  const conditions = { machine, isPinned, goesFirst, isEdgeApart: counted.edge !== null, ...options };
  const text = report(conditions, rows, counted.errors);
  await mkdir(options.out, { recursive: true });
  await writeFile(join(options.out, "attack.json"), `${JSON.stringify({ conditions, rows }, null, 2)}\n`);
  await writeFile(join(options.out, "attack.md"), text);
  await writeFile(join(options.out, "attack.svg"), await plotAttacks(rows));
  console.log(text);
} finally {
  attackers.end();
  await counted.close();
}
process.exit();

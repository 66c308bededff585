// Whether a pool's memory comes to rest under the same attack again and again: npm run bench -- bench/attack-memory.ts
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { parse, View } from "vega";
import { compile } from "vega-lite";
import { wholeNumber } from "../devnet/cli/arguments.ts";
import { AttackersProcess, attacksNamed } from "./attack/attackers-process.ts";
import { startCountedPool } from "./attack/counted-pool.ts";
import { ISOLATE_FLAGS } from "../devnet/pool-host/pool-process.ts";

const options = new Command("attack-memory")
  .description("Resident memory of a pool under the same attack again and again, without honest miners")
  .option("--seconds <seconds>", "how long an attack takes each time", wholeNumber, 5)
  .option("--times <number>", "how often each comes", wholeNumber, 12)
  .option("--only <texts...>", "only attacks whose name has one of these in it", [""])
  .option("--out <directory>", "where attack-memory.md and .svg go", join(import.meta.dirname, "results"))
  .parse()
  .opts<{ seconds: number; times: number; only: string[]; out: string }>();

/** An honest share's, of which there is none: junk is one so seldom. */
const DIFFICULTY = 20;
/** Time for sockets to be taken down. */
const REST_MS = 2_000;
/** The last of an attack, by which its rise is told. */
const LAST = 5;

interface Series {
  readonly name: string;
  /** Before, and after each time. */
  readonly memoryMb: readonly number[];
  readonly connections: number;
}

async function repeated(name: string): Promise<Series> {
  const counted = await startCountedPool(DIFFICULTY, false, ISOLATE_FLAGS);
  const attackers = new AttackersProcess();
  const resident = async () => Math.round((await counted.usage()).memoryMb);
  try {
    await sleep(REST_MS);
    const memoryMb = [await resident()];
    let connections = 0;
    for (let time = 0; time < options.times; time++) {
      const order = { name, url: counted.pool.url, header: counted.header, seconds: options.seconds };
      connections += (await attackers.attack(order)).effort.connections;
      await sleep(REST_MS);
      memoryMb.push(await resident());
    }
    console.error(`${name}: ${memoryMb.join(" ")} MB, ${connections} connections or requests`);
    return { name, memoryMb, connections };
  } finally {
    attackers.end();
    await counted.close();
  }
}

/** MB a time, over the last ones. */
function riseOf({ memoryMb }: Series): string {
  const last = memoryMb.slice(-LAST - 1);
  return (((last.at(-1) ?? 0) - (last[0] ?? 0)) / (last.length - 1)).toFixed(1);
}

async function plot(series: readonly Series[]): Promise<string> {
  const { spec } = compile({
    data: { values: series.flatMap(({ name, memoryMb }) => memoryMb.map((mb, time) => ({ name, mb, time }))) },
    width: 520,
    height: 280,
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "time", type: "quantitative", title: "times it came" },
      y: { field: "mb", type: "quantitative", title: "resident memory of workerd, MB" },
      color: { field: "name", type: "nominal", title: null, sort: null, legend: { labelLimit: 0 } },
    },
    config: { background: "white" },
  });
  return await new View(parse(spec), { renderer: "none" }).toSVG();
}

const series: Series[] = [];
const machine = `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} processors under a load of ${loadavg()[0]?.toFixed(1)}, Node ${process.version}`;
for (const { name } of attacksNamed(options.only)) series.push(await repeated(name));
const text = `# Memory under the same attack again and again

Made by \`npm run bench -- bench/attack-memory.ts\` on ${machine}: ${options.seconds} s of an attack, ${options.times} times over, each attack against a pool of its own without honest miners; resident memory of its workerd, in which all of its scripts are with heaps as \`npm start\` has them, two seconds after each.

| attack | connections or requests | before, and after each, MB | MB a time over the last ${LAST} |
| --- | --- | --- | --- |
${series.map((one) => `| ${one.name} | ${one.connections.toLocaleString("en")} | ${one.memoryMb.join(" ")} | ${riseOf(one)} |`).join("\n")}

![Resident memory after each time](attack-memory.svg)
`;
await mkdir(options.out, { recursive: true });
await writeFile(join(options.out, "attack-memory.md"), text);
await writeFile(join(options.out, "attack-memory.svg"), await plot(series));
console.log(text);
process.exit();

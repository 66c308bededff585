// A new block on its way to 100 to 100,000 logins, with what deliveries cost in workerd, through relays and their WebSockets: node bench/fan-out.ts
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { relaysFor } from "../core/work/template-tree.ts";
import { type JobCosts, measureCosts } from "./fan-out/measured-costs.ts";
import { delays, NETWORKS } from "./fan-out/network.ts";
import { plotFanOut } from "./fan-out/plot.ts";
import { type Measured, report, type SimulatedRow } from "./fan-out/report.ts";
import { simulateTree } from "./fan-out/simulation.ts";

const options = new Command("fan-out")
  .description("Simulates the fan-out of one job, with costs measured in workerd")
  .option("--costs <file>", "use costs that were measured before (a result of this program) instead of measuring")
  .option(
    "--out <directory>",
    "where fan-out.json, fan-out.md and fan-out.svg go",
    join(import.meta.dirname, "results"),
  )
  .parse()
  .opts<{ costs?: string; out: string }>();

const LOGINS = [100, 1_000, 10_000, 100_000] as const;
const RELAYS = [0, 1, 8, 64] as const;
const SOCKETS_PER_LOGIN = 4;
/** Deliveries under way at once, as durable-objects/block-template.ts sets it. */
const CONCURRENCY = 128;
const SLOW_AFTER_MS = 500;
const SEED = 20_261_122;

async function measured(): Promise<Measured> {
  if (options.costs === undefined) {
    const processors = `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} processors`;
    const load = loadavg()[0]?.toFixed(1);
    // Whoever reads the figures must know what else the machine was doing.
    return { machine: `${processors} under a load of ${load}, Node ${process.version}`, ...(await measureCosts()) };
  }
  const { machine, costs, points, relay }: Measured = JSON.parse(await readFile(options.costs, "utf8"));
  return { machine, costs, points, relay };
}

async function simulateAll(costs: JobCosts): Promise<SimulatedRow[]> {
  const rows: SimulatedRow[] = [];
  for (const network of NETWORKS) {
    for (const logins of LOGINS) {
      const chosen = relaysFor(logins, 0);
      for (const relays of [...new Set([...RELAYS, chosen])].toSorted((one, other) => one - other)) {
        const tree = { logins, relays, concurrency: CONCURRENCY, socketsPerLogin: SOCKETS_PER_LOGIN };
        const networkMs = delays(network, SEED);
        const result = await simulateTree({ ...tree, slowAfterMs: SLOW_AFTER_MS, costs, networkMs });
        rows.push({ network: network.name, logins, relays, isChosen: relays === chosen, ...result });
      }
    }
  }
  return rows;
}

const base = await measured();
const simulated = await simulateAll(base.costs);
const text = report(base, simulated, SOCKETS_PER_LOGIN);
await mkdir(options.out, { recursive: true });
await writeFile(join(options.out, "fan-out.json"), `${JSON.stringify({ ...base, simulated }, null, 2)}\n`);
await writeFile(join(options.out, "fan-out.md"), text);
await writeFile(join(options.out, "fan-out.svg"), await plotFanOut(simulated));
console.log(text);

// The fan-out tree for 1,000 to 100,000 logins, with call costs measured in workerd, and its monthly cost: node bench/fan-out.ts
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { measureCosts, type CallCosts } from "./fan-out/measured-costs.ts";
import { monthlyCost } from "./fan-out/monthly-cost.ts";
import { delays, NETWORKS } from "./fan-out/network.ts";
import { plotFanOut } from "./fan-out/plot.ts";
import { report, type Measured, type PricedRow, type SimulatedRow } from "./fan-out/report.ts";
import { simulateTree } from "./fan-out/simulation.ts";

const options = new Command("fan-out")
  .description("Simulates the fan-out of one job and prices a month of jobs")
  .option("--costs <file>", "use call costs that were measured before (a result of this program) instead of measuring")
  .option(
    "--out <directory>",
    "where fan-out.json, fan-out.md and fan-out.svg go",
    join(import.meta.dirname, "results"),
  )
  .parse()
  .opts<{ costs?: string; out: string }>();

const LOGINS = [1_000, 10_000, 100_000] as const;
const RELAYS = [0, 16, 64, 256] as const;
const SOCKETS_PER_LOGIN = 5;
/** Deliveries under way at once: as durable-objects/block-template.ts sets it, and eight times as many. */
const CONCURRENCY = [128, 1_024] as const;
const SLOW_AFTER_MS = 500;
const SEED = 20_261_122;
/** Ethereum Classic: a block every 13 s. geth commits new work every 3 s within a height unless told otherwise. */
const JOB_INTERVALS = [
  { name: "blocks only", jobEverySeconds: 13 },
  { name: "blocks and recommits", jobEverySeconds: 3 },
] as const;

async function measured(): Promise<Measured> {
  if (options.costs === undefined) {
    const processors = `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} processors`;
    const result = await measureCosts();
    // Whoever reads the figures must know what else the machine was doing.
    return { machine: `${processors} under a load of ${loadavg()[0]?.toFixed(1)}, Node ${process.version}`, ...result };
  }
  const { machine, costs, points }: Measured = JSON.parse(await readFile(options.costs, "utf8"));
  return { machine, costs, points };
}

async function simulateAll(costs: CallCosts): Promise<SimulatedRow[]> {
  const rows: SimulatedRow[] = [];
  for (const network of NETWORKS) {
    for (const concurrency of CONCURRENCY) {
      for (const logins of LOGINS) {
        for (const relays of RELAYS) {
          const tree = { logins, relays, concurrency, socketsPerLogin: SOCKETS_PER_LOGIN, slowAfterMs: SLOW_AFTER_MS };
          const result = await simulateTree({ ...tree, costs, networkMs: delays(network, SEED) });
          rows.push({ network: network.name, concurrency, logins, relays, ...result });
        }
      }
    }
  }
  return rows;
}

/** The fewest relays that bring a job to everybody within a second, or those that are fastest. */
function wellChosen(rows: readonly SimulatedRow[], logins: number): SimulatedRow {
  const candidates = rows.filter(
    (row) => row.logins === logins && row.network === NETWORKS[0]?.name && row.concurrency === CONCURRENCY[0],
  );
  const fastest = candidates.toSorted((one, other) => one.lastMs - other.lastMs)[0];
  const chosen = candidates.find(({ lastMs }) => lastMs <= 1_000) ?? fastest;
  if (chosen === undefined) throw new RangeError(`nothing was simulated for ${logins} logins`);
  return chosen;
}

function priceAll(rows: readonly SimulatedRow[], costs: CallCosts): PricedRow[] {
  return LOGINS.flatMap((logins) => {
    const { relays, lastMs } = wellChosen(rows, logins);
    return JOB_INTERVALS.map(({ name, jobEverySeconds }) => {
      const workload = { logins, relays, socketsPerLogin: SOCKETS_PER_LOGIN, jobEverySeconds, pollEverySeconds: 1 };
      return Object.assign({ logins, relays, jobsAre: name }, monthlyCost(workload, costs, lastMs));
    });
  });
}

const base = await measured();
const simulated = await simulateAll(base.costs);
const priced = priceAll(simulated, base.costs);
const text = report(base, simulated, priced, SOCKETS_PER_LOGIN);
await mkdir(options.out, { recursive: true });
await writeFile(join(options.out, "fan-out.json"), `${JSON.stringify({ ...base, simulated, priced }, null, 2)}\n`);
await writeFile(join(options.out, "fan-out.md"), text);
await writeFile(join(options.out, "fan-out.svg"), await plotFanOut(simulated));
console.log(text);

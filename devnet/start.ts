/** `npm start`: the whole pool on this machine, with progress, a live summary and, if asked for, a verdict. */
import { rm } from "node:fs/promises";
import { Listr } from "listr2";
import { createLogUpdate } from "log-update";
import { LocalSetup, PortInUseError } from "./start/local-setup.ts";
import { blocksIn } from "./start/ledger-totals.ts";
import { parseStartOptions, type StartOptions } from "./start/start-options.ts";
import { renderLine, renderPanel, type Moment } from "./start/start-summary.ts";

const PANEL_EVERY_MS = 1_000;
const LINE_EVERY_MS = 10_000;
/** The last lines of trouble that the panel keeps on screen. */
const TROUBLE_LINES = 5;

const interactive = process.stdout.isTTY;
const panel = createLogUpdate(process.stdout);
const trouble: string[] = [];

function report(line: string): void {
  if (!interactive) process.stdout.write(`${line}\n`);
  trouble.push(line);
  if (trouble.length > TROUBLE_LINES) trouble.shift();
}

const LISTR = { fallbackRenderer: "simple", rendererOptions: { collapseErrors: false } } as const;

async function startPool(pool: LocalSetup, options: StartOptions): Promise<void> {
  const forget = async () => {
    if (options.fresh) await rm(options.state, { recursive: true, force: true });
  };
  await new Listr(
    [
      { title: "Ports", task: () => pool.checkPorts() },
      { title: "Begins with an empty ledger", enabled: () => options.fresh, task: forget },
      { title: "Node", task: async (_, task) => void (task.title = `Node: ${await pool.startNode()}`) },
      { title: "Pool (workerd)", task: async (_, task) => void (task.title = `Pool: ${await pool.startPool()}`) },
      { title: "Bridge", task: async (_, task) => void (task.title = `Bridge: ${await pool.startBridge()}`) },
    ],
    LISTR,
  ).run();
}

/** The miner's first light cache takes seconds, so it is shown growing. */
async function startMiner(pool: LocalSetup): Promise<void> {
  const mine = (task: { title: string }) =>
    new Promise<void>((resolve) => {
      pool.startMiner((progress) => {
        task.title = `Miner: light cache ${Math.round(progress * 100)} %`;
        if (progress >= 1) resolve();
      });
    });
  await new Listr([{ title: "Miner: waits for work", task: (_, task) => mine(task) }], LISTR).run();
}

/** Shows the pool until it is told to stop. */
async function watch(pool: LocalSetup, stop: AbortSignal): Promise<void> {
  const everyMs = interactive ? PANEL_EVERY_MS : LINE_EVERY_MS;
  while (!stop.aborted) {
    const moment = await pool.moment();
    if (stop.aborted) return;
    if (interactive) panel([renderPanel(moment, pool.addresses()), ...trouble].join("\n"));
    else process.stdout.write(`${renderLine(moment)}\n`);
    await sleep(everyMs, stop);
  }
}

function once(stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
}

function sleep(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stop.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

const credited = ({ ledger }: Moment): bigint => (ledger ? ledger.roundTotal + ledger.closedTotal : 0n);

const listed = ({ ledger }: Moment): number => (ledger ? blocksIn(ledger) : 0);

/** What this run added to the books, as `--json` prints it. Sums are decimal strings. */
function verdictOf(before: Moment, after: Moment) {
  const found = listed(after) - listed(before);
  const recorded = credited(after) - credited(before);
  return {
    ok: recorded > 0n && found > 0,
    json: {
      accepted: after.shares?.accepted ?? 0,
      stale: after.shares?.stale ?? 0,
      invalid: after.shares?.invalid ?? 0,
      blocks: after.blocks ?? found,
      hashrate: Math.round(after.hashrate),
      ledger: {
        roundTotal: (after.ledger?.roundTotal ?? 0n).toString(),
        candidates: after.ledger?.candidates ?? 0,
        immature: after.ledger?.immature ?? 0,
        matured: after.ledger?.matured ?? 0,
        orphans: after.ledger?.orphans ?? 0,
        creditedInThisRun: recorded.toString(),
        blocksInThisRun: found,
      },
    },
  };
}

async function main(): Promise<number> {
  const options = parseStartOptions(process.argv.slice(2));
  const pool = new LocalSetup(options, report);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  try {
    await startPool(pool, options);
    const before = await pool.moment();
    if (options.miner && !stop.signal.aborted) await Promise.race([startMiner(pool), once(stop.signal)]);
    const { dashboard, stratum } = pool.addresses();
    if (!interactive) process.stdout.write(`ready: dashboard ${dashboard}, miners ${stratum}\n`);
    if (options.forMs !== null) setTimeout(() => stop.abort(), options.forMs).unref();
    await watch(pool, stop.signal);
    const after = await pool.settle(before);
    if (interactive) panel.done();
    const { ok, json } = verdictOf(before, after);
    await pool.stop();
    if (options.json) process.stdout.write(`${JSON.stringify(json)}\n`);
    return options.forMs !== null && !ok ? 1 : 0;
  } catch (error) {
    process.stderr.write(`${error instanceof PortInUseError ? error.message : describe(error)}\n`);
    return 1;
  } finally {
    await pool.stop();
  }
}

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

process.exitCode = await main();

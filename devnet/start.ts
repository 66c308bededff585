/** `npm start`: the whole pool on this machine, with progress, a live summary and, if asked for, a verdict. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Listr } from "listr2";
import { createLogUpdate } from "log-update";
import { Ending } from "./start/ending.ts";
import { PoolStartError } from "./pool-host/pool-process.ts";
import { LocalSetup, NoRedisError, PortInUseError } from "./start/local-setup.ts";
import { blocksIn } from "./start/ledger-totals.ts";
import { parseStartOptions, type StartOptions } from "./start/start-options.ts";
import { NOTIFY_TOKEN_FILE } from "./start/notify-token.ts";
import { renderLine, renderPanel, type Addresses, type Moment } from "./start/start-summary.ts";
import { claimState } from "./start/state-chain.ts";
import { LOCK_FILES, lockState, StateFolderError } from "./start/state-lock.ts";

const PANEL_EVERY_MS = 1_000;
const LINE_EVERY_MS = 10_000;
/** The last lines of trouble that the panel keeps on screen. */
const TROUBLE_LINES = 5;

/** The node gave no work as long as the run lasted. The message says why. */
class NoWorkError extends Error {
  override readonly name = "NoWorkError";
}

const interactive = process.stdout.isTTY;
const panel = createLogUpdate(process.stdout);
const trouble: string[] = [];

function report(line: string): void {
  if (!interactive) process.stdout.write(`${line}\n`);
  trouble.push(line);
  if (trouble.length > TROUBLE_LINES) trouble.shift();
}

const LISTR = { fallbackRenderer: "simple", rendererOptions: { collapseErrors: false } } as const;

async function startPool(pool: LocalSetup, options: StartOptions, ending: Ending): Promise<void> {
  const { geth } = options;
  await new Listr(
    [
      { title: "Ports", task: () => pool.checkPorts() },
      { title: "Begins with an empty ledger", enabled: () => options.fresh, task: () => emptied(options) },
      {
        title: "Node",
        enabled: () => geth === null,
        task: async (_, task) => void (task.title = `Node: ${await pool.startNode()}`),
      },
      {
        title: "Redis",
        enabled: () => options.withRedis,
        task: async (_, task) => void (task.title = `Redis: ${await pool.startRedis()}`),
      },
      { title: "Pool (workerd)", task: async (_, task) => void (task.title = `Pool: ${await pool.startPool()}`) },
      {
        title: `Node: waits for work of ${geth}`,
        enabled: () => geth !== null,
        task: async (_, task) => {
          ending.after(options.forMs);
          await workOfNode(pool, ending, (reason) => (task.title = `Node: ${geth} gives no work yet: ${reason}`));
          ending.after(null);
          task.title = `Node: ${geth} gives work`;
        },
      },
      { title: "Bridge", task: async (_, task) => void (task.title = `Bridge: ${await pool.startBridge()}`) },
    ],
    LISTR,
  ).run();
}

/** The lock on the folder stays, and so does the URL that a geth pushes to. */
async function emptied(options: StartOptions): Promise<void> {
  const { state } = options;
  const names = (await readdir(state)).filter((name) => ![...LOCK_FILES, NOTIFY_TOKEN_FILE].includes(name));
  for (const name of names) await rm(join(state, name), { recursive: true, force: true });
  claimState(options);
}

/** Waits for the node as long as the run may take. @throws NoWorkError */
async function workOfNode(pool: LocalSetup, ending: Ending, waits: (reason: string) => void): Promise<void> {
  const reason = await pool.waitForWork(ending.signal, (text) => {
    waits(text);
    report(`node: no work yet: ${text}`);
  });
  if (reason !== null) throw new NoWorkError(`the node gave no work: ${reason}`);
}

/** The miner's first light cache takes seconds, so it is shown growing. */
async function startMiner(pool: LocalSetup, begins: () => void): Promise<void> {
  const mine = (task: { title: string }) =>
    new Promise<void>((resolve) => {
      pool.startMiner((progress) => {
        begins();
        task.title = `Miner: light cache ${Math.round(progress * 100)} %`;
        if (progress >= 1) resolve();
      });
    });
  await new Listr([{ title: "Miner: waits for work", task: (_, task) => mine(task) }], LISTR).run();
}

/** Shows the pool until it is told to stop. */
async function watch(pool: LocalSetup, ending: Ending): Promise<void> {
  const everyMs = interactive ? PANEL_EVERY_MS : LINE_EVERY_MS;
  while (!ending.signal.aborted) {
    const moment = await Promise.race([pool.moment(), ending.requested()]);
    if (moment === undefined || ending.signal.aborted) return;
    if (interactive) panel([renderPanel(moment, pool.addresses()), ...trouble].join("\n"));
    else process.stdout.write(`${renderLine(moment)}\n`);
    await ending.pause(everyMs);
  }
}

const credited = ({ ledger }: Moment): bigint => (ledger ? ledger.roundTotal + ledger.closedTotal : 0n);

const listed = ({ ledger }: Moment): number => (ledger ? blocksIn(ledger) : 0);

/** What this run added to the books, as `--json` prints it. Sums are decimal strings. `missing`: what a self-test wants and did not get. */
function verdictOf(before: Moment, after: Moment) {
  const found = listed(after) - listed(before);
  const recorded = credited(after) - credited(before);
  return {
    missing: recorded <= 0n ? "share" : found === 0 ? "block" : null,
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

function sayReady({ dashboard, stratum, notify, ledger }: Addresses): void {
  if (notify !== null) process.stdout.write(`node: geth … --miner.notify ${notify}\n`);
  if (ledger !== null) process.stdout.write(`books: npm run -s ledger -- audit ${ledger}\n`);
  process.stdout.write(`ready: dashboard ${dashboard}, miners ${stratum.join(" or ")}\n`);
}

/** Starts everything, shows it, and ends it. @returns exit code */
async function run(options: StartOptions, pool: LocalSetup, ending: Ending): Promise<number> {
  const { forMs } = options;
  await startPool(pool, options, ending);
  const before = await pool.moment();
  if (options.miner && !ending.signal.aborted) {
    ending.after(forMs);
    await Promise.race([startMiner(pool, () => ending.after(null)), ending.requested()]);
  }
  if (!interactive) sayReady(pool.addresses());
  // The time runs from the moment when everything does; the node's first work, and the miner's, may take as long before it.
  ending.after(forMs);
  await watch(pool, ending);
  const after = await pool.settle(before, ending.settleMs);
  if (interactive) panel.done();
  const { missing, json } = verdictOf(before, after);
  await pool.stop();
  if (options.json) process.stdout.write(`${JSON.stringify(json)}\n`);
  if (forMs === null || missing === null) return 0;
  process.stderr.write(`npm start: no ${missing} was recorded in the time of --for\n`);
  return 1;
}

async function main(): Promise<number> {
  const options = parseStartOptions(process.argv.slice(2));
  const ending = new Ending();
  let pool: LocalSetup | null = null;
  let lock: { release(): void } | null = null;
  try {
    lock = lockState(options.state);
    // One that is to be emptied is claimed then.
    if (!options.fresh) claimState(options);
    pool = new LocalSetup(options, report);
    return await run(options, pool, ending);
  } catch (error) {
    // Whoever stopped it while it was starting knows why.
    if (error instanceof NoWorkError && options.forMs === null) return 0;
    const reason = describe(error);
    process.stderr.write(`npm start: ${reason}\n`);
    await pool?.stop();
    if (options.json) process.stdout.write(`${JSON.stringify({ error: reason })}\n`);
    return 1;
  } finally {
    await pool?.stop();
    lock?.release();
  }
}

const EXPECTED = [PortInUseError, NoRedisError, StateFolderError, PoolStartError, NoWorkError];

/** What lies with the machine or the command line in one line; a defect with its stack. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const expected = EXPECTED.some((kind) => error instanceof kind);
  const ofSystem = "syscall" in error && "code" in error;
  return expected || ofSystem ? error.message : (error.stack ?? error.message);
}

process.exitCode = await main();

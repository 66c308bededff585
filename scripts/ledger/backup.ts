import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { createGunzip, createGzip } from "node:zlib";
import { auditBooks } from "../../core/ledger/books/audit.ts";
import { DumpError, exportBooks, readDump, type Dump } from "../../core/ledger/books/dump.ts";
import type { Finding } from "../../core/ledger/books/finding.ts";
import { importBooks, restoreBooks } from "../../core/ledger/books/import.ts";
import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { EmbeddedEngine } from "../../core/ledger/engine/engine.ts";
import { answerRest } from "../../core/ledger/engine/rest.ts";
import { parseTimerMs } from "../../core/units.ts";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { runWrangler } from "../setup/wrangler.ts";
import { nodeSql } from "./node-sql.ts";
import { openLedger } from "./open-ledger.ts";
import { whilePaused } from "./pool-pause.ts";

/** Flags of `ledger backup`. */
export interface BackupOptions {
  readonly coin: string;
  readonly to: string;
  /** Pool that is paused meanwhile; without it the books may be of no one moment. */
  readonly pool?: string;
  readonly keep: string;
  readonly every?: string;
  readonly r2?: string;
  /** With `r2`: the folder in which `wrangler dev` keeps its R2, in the place of the account's. */
  readonly r2Local?: string;
}

const TIMEOUT_MS = 60_000;
/** `eth-20261126T225300Z.jsonl.gz`: in the order of their names they are in that of time. */
const nameAt = (name: string, atMs: number): string =>
  `${name}-${new Date(atMs).toISOString().replaceAll(/[-:]|\.\d+/g, "")}.jsonl.gz`;

/**
 * Copies the books into a folder, once or for ever. What is copied is restored into memory and audited before it gets its name, so that
 * every file of the folder is known to be good. @throws DumpError, AdminError
 */
export async function backupCommand(where: string, options: BackupOptions): Promise<void> {
  if (!/^[1-9]\d{0,4}$/.test(options.keep)) throw new DumpError(`"${options.keep}" is no number of files to keep`);
  const everyMs = options.every === undefined ? null : parseTimerMs(options.every, 1);
  if (everyMs === undefined) throw new DumpError(`"${options.every}" is no duration such as 6h, up to 596h`);
  for (;;) {
    const beganMs = Date.now();
    const done = await backUp(where, options).catch((error: unknown) => {
      // A schedule outlives an outage of the ledger; a single run ends with it.
      if (everyMs === null || !(error instanceof Error)) throw error;
      process.stderr.write(`${new Date().toISOString()} no backup: ${error.message}\n`);
      return null;
    });
    if (done !== null) process.stdout.write(`${done}\n`);
    if (everyMs === null) return;
    await sleep(Math.max(1_000, beganMs + everyMs - Date.now()));
  }
}

async function backUp(where: string, { coin, to, pool, keep, r2, r2Local }: BackupOptions): Promise<string> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  const path = join(to, nameAt(coin, Date.now()));
  const partial = `${path}.partial`;
  const ledger = await openLedger(where);
  try {
    const copy = async () => await writePacked(ledger.redis, coin, partial);
    await (pool === undefined ? copy() : whilePaused(pool, copy));
    const dump = await dumpOf(partial);
    const wrong = (await auditDump(dump)).filter(({ ok }) => !ok);
    if (wrong.length > 0)
      throw new DumpError(
        `the copy does not add up: ${wrong.map(({ check, detail }) => `${check}: ${detail}`).join("; ")}. ${pool === undefined ? "The pool wrote meanwhile, or the books are wrong: with --pool it is paused" : "npm run ledger -- audit says the same of the books"}`,
      );
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
    await ledger.close();
  }
  if (r2 !== undefined) await upload(path, r2, r2Local);
  await forgetOld(to, coin, Number(keep));
  return path;
}

async function writePacked(redis: RedisPort, coin: string, path: string): Promise<void> {
  const packed = createGzip();
  await pipeline(Readable.from(lined(exportBooks(redis, coin))), packed, createWriteStream(path, { mode: 0o600 }));
}

/** A copy as it is, unaudited: what is there before something else takes its place. @returns its path @throws DumpError */
export async function keepCopy(redis: RedisPort, coin: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, nameAt(`before-recovery-${coin}`, Date.now()));
  const partial = `${path}.partial`;
  try {
    await writePacked(redis, coin, partial);
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
  return path;
}

async function* lined(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

/** A dump of a file, packed or not. @throws DumpError */
async function dumpOf(path: string): Promise<Dump> {
  const file = createReadStream(path);
  const isPacked = /\.gz(?:\.partial)?$/.test(path);
  return await readDump(createInterface({ input: isPacked ? file.pipe(createGunzip()) : file, crlfDelay: Infinity }));
}

/** Restores a dump into a ledger in memory and audits that. */
async function auditDump(dump: Dump): Promise<Finding[]> {
  const sql = nodeSql();
  const engine = new EmbeddedEngine({ sql, nowMs: Date.now });
  const object = { rest: async (path: string, body: readonly unknown[]) => answerRest(engine, path, body, false) };
  try {
    const memory = embeddedPort(object, TIMEOUT_MS);
    await importBooks(memory, dump, { replace: false });
    return await auditBooks(memory, dump.coin);
  } finally {
    sql.close();
  }
}

/** By the pinned Wrangler, with the account that it is logged in to. */
async function upload(path: string, bucket: string, local: string | undefined): Promise<void> {
  const where = local === undefined ? ["--remote"] : ["--local", "--persist-to", resolve(local)];
  const put = ["r2", "object", "put", `${bucket}/${basename(path)}`, "--file", resolve(path), ...where];
  const { code, stderr } = await runWrangler(() => undefined)(put);
  if (code !== 0) throw new DumpError(`${path} is there, and R2 did not take it: ${stderr.trim().slice(0, 300)}`);
}

async function forgetOld(folder: string, coin: string, keep: number): Promise<void> {
  const ours = new RegExp(String.raw`^${coin}-\d{8}T\d{6}Z\.jsonl\.gz$`);
  const files = (await readdir(folder)).filter((name) => ours.test(name)).toSorted();
  for (const name of files.slice(0, Math.max(0, files.length - keep))) await rm(join(folder, name));
}

/** Of a file, hex. */
async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/**
 * Writes a backup into a ledger that has nothing of its coin, or what a run of it that was cut has left; reads it back, and audits it.
 * @throws DumpError
 */
export async function restoreCommand(where: string, { in: path }: { readonly in: string }): Promise<void> {
  const dump = await dumpOf(path);
  const ledger = await openLedger(where);
  try {
    const keys = await restoreBooks(ledger.redis, dump, { name: basename(path), sha256: await sha256Of(path) });
    const wrong = (await auditBooks(ledger.redis, dump.coin)).filter(({ ok }) => !ok);
    process.stdout.write(`${keys} keys of ${dump.coin} written and read back\n`);
    for (const { check, detail } of wrong) process.stdout.write(`WRONG ${check}: ${detail}\n`);
    if (wrong.length > 0) process.exitCode = 1;
    else process.stdout.write("everything in them adds up\n");
  } finally {
    await ledger.close();
  }
}

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { BindingValue, HostOptions, HostReport, HostRequest, PoolLog, WorkerBundle } from "./pool-messages.ts";
import { bundlePool } from "./worker-bundle.ts";

export type { BindingValue } from "./pool-messages.ts";

type Vars = Readonly<Record<string, BindingValue>>;

/** Settings of a pool that runs in workerd on this machine. */
export interface PoolOptions {
  /** 0 (default): a free one, kept over restarts. */
  readonly port?: number;
  readonly host?: string;
  /** Where the Durable Objects keep their databases; they outlive the process. */
  readonly stateDir: string;
  /** Settings, over those of wrangler.toml. */
  readonly vars?: Vars;
  /** More of them, asked for at every start: a deployment may change some. */
  readonly varsNow?: () => Vars;
  readonly secrets?: Readonly<Record<string, string>>;
  /** Flags of V8 inside workerd; default {@link ISOLATE_FLAGS}. */
  readonly v8Flags?: readonly string[];
  /** Fire the cron trigger every minute, as Cloudflare does; default true. */
  readonly cron?: boolean;
  /** Scripts in place of the pool's own; requests arrive at the first. */
  readonly bundles?: readonly WorkerBundle[];
  /** Folder by which scripts in processes of their own find each other: see `test/deploy`. */
  readonly registry?: string;
  /** Where workerd's inspector listens, for measuring; nowhere by default. */
  readonly inspectorPort?: number;
  /** Every line that the Worker or workerd writes. */
  readonly onLog?: (log: PoolLog) => void;
}

/** The pool's scripts in a workerd of their own. */
export interface PoolProcess {
  readonly url: string;
  readonly port: number;
  /** Process id of the leader of workerd's process group; null while nothing runs. */
  readonly pid: number | null;
  /** Kills workerd at once, wherever it is: nothing gets to say goodbye. */
  kill(): Promise<void>;
  /** Kills it if it runs, and starts it again on the same port and state. */
  restart(): Promise<void>;
  /** Fires the cron trigger now and waits until its handler is done. @throws Error when the handler threw */
  scheduled(): Promise<void>;
  /** Ends workerd; Durable Objects are not told, as on Cloudflare. */
  close(): Promise<void>;
}

/**
 * workerd knows no memory limit, Cloudflare ends an isolate at 128 MB: 96 MiB for each WebAssembly memory and 32 for the heap, beside which
 * V8 would give new objects up to 48 MB more. A pool that only lives in more than that is found here and not in production. And a heap is
 * collected from 6 MB of old objects on, and not from half of its limit. Not from less: some isolates have 2 to 4 MB and then nothing to do,
 * and one that goes idle at its limit stops the background work of the whole process for ever
 * (`docs/decisions/0066-heaps-of-the-local-workerd.md`).
 */
export const LIMIT_FLAGS: readonly string[] = [
  "--wasm-max-mem-pages=1536",
  "--max-old-space-size=32",
  "--max-semi-space-size=2",
  "--initial-old-space-size=6",
];

/**
 * {@link LIMIT_FLAGS}, and the whole of a heap is collected whenever there are 2 MB of new objects: a fetch leaves some 10 KB outside of the heap
 * that only such a collection frees, in each isolate that it passes (`bench/fetch-memory.ts`); in Miniflare's nothing grows old. That costs
 * CPU: what measures speed does without (`docs/decisions/0067-whole-collections.md`).
 */
export const ISOLATE_FLAGS: readonly string[] = [...LIMIT_FLAGS, "--gc-global"];

/** workerd could not be started. The message says why. */
export class PoolStartError extends Error {
  override readonly name = "PoolStartError";
}

/** How long an orderly end may take before it becomes a kill. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * Bundles the Worker and starts it. Fulfilled when it answers.
 * @throws PoolStartError that says why it did not start
 * @example
 * const pool = await startPool({ stateDir, vars: { chain: "classic", upstream: [{ name: "node", url: node.url }] } });
 * console.log(await (await fetch(`${pool.url}/health`)).json());
 * await pool.close();
 */
export async function startPool(options: PoolOptions): Promise<PoolProcess> {
  const bundles = options.bundles ?? (await bundlePool());
  const pool = new WorkerdPool(options, bundles);
  await pool.restart();
  return pool;
}

class WorkerdPool implements PoolProcess {
  readonly #options: PoolOptions;
  readonly #bundles: readonly WorkerBundle[];
  #run: HostRun | null = null;
  #url = "";

  constructor(options: PoolOptions, bundles: readonly WorkerBundle[]) {
    this.#options = options;
    this.#bundles = bundles;
  }

  get url(): string {
    return this.#url;
  }

  get port(): number {
    return this.#url === "" ? (this.#options.port ?? 0) : Number(new URL(this.#url).port);
  }

  get pid(): number | null {
    return this.#run?.pid ?? null;
  }

  async kill(): Promise<void> {
    await this.#run?.kill();
    this.#run = null;
  }

  async restart(): Promise<void> {
    await this.kill();
    const { vars, varsNow, secrets = {}, stateDir, host = "127.0.0.1", cron = true } = this.#options;
    const { registry = null, inspectorPort = null } = this.#options;
    // Who was killed has not taken leave.
    if (registry !== null)
      await Promise.all(this.#bundles.map(({ name }) => rm(join(registry, name), { recursive: true, force: true })));
    const run = new HostRun(this.#options);
    this.#run = run;
    try {
      // It runs on this machine, and so does its node.
      const bindings = { devnet: true, ...vars, ...varsNow?.() };
      this.#url = await run.start({
        bundles: this.#bundles,
        port: this.port,
        host,
        stateDir,
        bindings,
        secrets,
        cron,
        registry,
        inspectorPort,
      });
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  async scheduled(): Promise<void> {
    if (this.#run === null) throw new Error("the pool does not run");
    await this.#run.scheduled();
  }

  async close(): Promise<void> {
    const run = this.#run;
    this.#run = null;
    await run?.close();
  }
}

/** One life of the host process and its workerd. */
class HostRun {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #onLog: ((log: PoolLog) => void) | undefined;
  readonly #waiting = new Map<number, (error: string | null) => void>();
  #started: (result: { url: string } | { reason: string }) => void = () => undefined;
  #nextId = 0;

  constructor({ v8Flags, onLog }: PoolOptions) {
    this.#onLog = onLog;
    // A group of its own: a signal to the group reaches workerd, and Ctrl-C in the terminal reaches neither before us.
    this.#child = fork(join(import.meta.dirname, "pool-host.ts"), {
      detached: true,
      execArgv: ["--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: {
        ...process.env,
        CLOUDFLARE_CF_FETCH_ENABLED: "false",
        WRANGLER_SEND_METRICS: "false",
        X_LOCAL_OBSERVABILITY: "false",
        MINIFLARE_WORKERD_V8_FLAGS: (v8Flags ?? ISOLATE_FLAGS).join(" "),
      },
    });
    this.#ended = once(this.#child, "exit");
    this.#child.on("message", (report: HostReport) => this.#heard(report));
    this.#child.on("exit", (code, signal) => this.#exited(`its process ended (${signal ?? code})`));
    this.#follow(this.#child.stdout, "info");
    this.#follow(this.#child.stderr, "error");
    process.once("exit", this.#killGroup);
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  async start(options: HostOptions): Promise<string> {
    const result = new Promise<{ url: string } | { reason: string }>((resolve) => (this.#started = resolve));
    this.#send({ kind: "start", options });
    const started = await result;
    if ("reason" in started) throw new PoolStartError(`the pool did not start: ${started.reason}`);
    return started.url;
  }

  async scheduled(): Promise<void> {
    const id = this.#nextId++;
    const done = new Promise<string | null>((resolve) => this.#waiting.set(id, resolve));
    this.#send({ kind: "scheduled", id });
    const error = await done;
    if (error !== null) throw new Error(`the scheduled handler failed: ${error}`);
  }

  async kill(): Promise<void> {
    this.#killGroup();
    await this.#ended;
  }

  async close(): Promise<void> {
    this.#send({ kind: "close" });
    const timer = setTimeout(this.#killGroup, CLOSE_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  readonly #killGroup = (): void => {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // The group is gone: that is what was wanted.
    }
  };

  #heard(report: HostReport): void {
    switch (report.kind) {
      case "ready":
        return this.#started({ url: report.url });
      case "failed":
        return this.#started({ reason: report.reason });
      case "log":
        return this.#onLog?.(report.log);
      case "scheduled":
        this.#waiting.get(report.id)?.(report.error);
        this.#waiting.delete(report.id);
    }
  }

  #exited(reason: string): void {
    process.off("exit", this.#killGroup);
    // A host that died alone leaves workerd behind in its group.
    this.#killGroup();
    this.#started({ reason });
    for (const done of this.#waiting.values()) done(reason);
    this.#waiting.clear();
  }

  #send(request: HostRequest): void {
    if (this.#child.connected) this.#child.send(request);
  }

  #follow(stream: Readable | null, level: string): void {
    if (stream === null) return;
    createInterface(stream).on("line", (message) => this.#onLog?.({ level, message }));
  }
}

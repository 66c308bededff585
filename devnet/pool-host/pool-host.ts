// The process that holds workerd: started, and ended, by pool-process.ts. It leads a process group of its own, so that one
// signal to the group ends workerd with it, and it ends itself when its parent is gone.
import { cp, rm } from "node:fs/promises";
import { flushCompileCache } from "node:module";
import { resolve } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { killWhenGone } from "../watchdog.ts";
import { workerOptions } from "./worker-options.ts";
import type { HostOptions, HostReport, HostRequest, WorkerBundle } from "./pool-messages.ts";

const CRON = "* * * * *";
const MINUTE_MS = 60_000;

/** The scripts as `npm run deploy` bundles them, in one workerd. */
function miniflareOptions(options: HostOptions) {
  return convertV4MiniflareOptions({
    workers: options.bundles.map((bundle) => workerOptions(bundle, options)),
    host: options.host,
    port: options.port,
    // Without this every start asks Cloudflare where on earth it is.
    cf: false,
    resourcePersistencePath: options.stateDir,
    ...(options.registry !== null && { unsafeDevRegistryPath: options.registry }),
    ...(options.inspectorPort !== null && { inspectorPort: options.inspectorPort }),
    telemetry: { enabled: false },
    logRequests: false,
    log: new Log(LogLevel.ERROR),
    handleStructuredLogs: ({ level, message }) => report({ kind: "log", log: { level, message } }),
  });
}

/** With a copy of the page's files: a build that replaces them would have a pool that runs answer 500, or half of a file. */
async function withOwnPage(bundle: WorkerBundle, stateDir: string): Promise<WorkerBundle> {
  const assets: { readonly directory?: string } | undefined = Object(bundle.settings)["assets"];
  if (assets?.directory === undefined) return bundle;
  // Absolute: Miniflare finds nothing in a folder that is named from where the process runs, and says nothing of it.
  const directory = resolve(stateDir, "page");
  await rm(directory, { recursive: true, force: true });
  await cp(assets.directory, directory, { recursive: true });
  return { ...bundle, settings: { ...bundle.settings, assets: { ...assets, directory } } };
}

class PoolHost {
  #miniflare: Miniflare | null = null;
  #cron: NodeJS.Timeout | undefined;

  async start(options: HostOptions): Promise<void> {
    const bundles = await Promise.all(options.bundles.map((bundle) => withOwnPage(bundle, options.stateDir)));
    this.#miniflare = new Miniflare(miniflareOptions({ ...options, bundles }));
    const url = await this.#miniflare.ready;
    if (options.cron) this.#armCron();
    report({ kind: "ready", url: url.origin });
    // It ends by a kill, which keeps nothing of what Node has compiled for the next start.
    flushCompileCache();
  }

  async scheduled(): Promise<void> {
    const worker = await this.#miniflare?.getWorker();
    await worker?.scheduled({ cron: CRON, scheduledTime: new Date() });
  }

  async close(): Promise<void> {
    clearTimeout(this.#cron);
    await this.#miniflare?.dispose();
  }

  /** At every full minute, as Cloudflare's scheduler. */
  #armCron(): void {
    this.#cron = setTimeout(
      () => {
        this.#armCron();
        this.scheduled().catch((error: unknown) =>
          report({ kind: "log", log: { level: "error", message: `cron: ${text(error)}` } }),
        );
      },
      MINUTE_MS - (Date.now() % MINUTE_MS),
    );
  }
}

function report(message: HostReport): void {
  if (process.connected) process.send?.(message);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A workerd that does not run on this machine is gone before it has taken its configuration, and Miniflare knows no more than that. */
function whyNot(error: unknown): string {
  const isGone = error instanceof Error && "code" in error && error.code === "EPIPE";
  return isGone ? "workerd ended at once; node_modules/.bin/workerd --version says why" : text(error);
}

const host = new PoolHost();

async function handle(request: HostRequest): Promise<void> {
  switch (request.kind) {
    case "start":
      return host.start(request.options).catch((error: unknown) => report({ kind: "failed", reason: whyNot(error) }));
    case "scheduled": {
      const error = await host.scheduled().then(() => null, text);
      return report({ kind: "scheduled", id: request.id, error });
    }
    case "close":
      await host.close();
      process.disconnect();
  }
}

// Where this process is killed together with its parent, nobody else would end workerd.
killWhenGone(-process.pid);
process.on("message", (request: HostRequest) => void handle(request));
// Also when the parent was killed: its end of the channel closes. Miniflare has no say any more; the group goes as one.
process.on("disconnect", () => process.kill(-process.pid, "SIGKILL"));

// The process that holds workerd: started, and ended, by pool-process.ts. It leads a process group of its own, so that one
// signal to the group ends workerd with it, and it ends itself when its parent is gone.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { killWhenGone } from "../watchdog.ts";
import type { HostOptions, HostReport, HostRequest } from "./pool-messages.ts";

const CRON = "* * * * *";
const MINUTE_MS = 60_000;

/** The Worker as `wrangler deploy` bundles it, with the bindings of wrangler.toml. */
function miniflareOptions(options: HostOptions) {
  const { directory, settings } = options.bundle;
  return convertV4MiniflareOptions({
    ...settings,
    name: "edgepool",
    bindings: Object.assign({}, settings["bindings"], options.bindings),
    modulesRoot: directory,
    modules: modules(directory),
    host: options.host,
    port: options.port,
    // Without this every start asks Cloudflare where on earth it is.
    cf: false,
    resourcePersistencePath: options.stateDir,
    telemetry: { enabled: false },
    logRequests: false,
    log: new Log(LogLevel.ERROR),
    handleStructuredLogs: ({ level, message }) => report({ kind: "log", log: { level, message } }),
  });
}

function modules(
  directory: string,
): { type: "ESModule" | "CompiledWasm"; path: string; contents: Uint8Array<ArrayBuffer> }[] {
  const names = readdirSync(directory).filter((name) => name.endsWith(".js") || name.endsWith(".wasm"));
  // The first one is the entry.
  return names
    .toSorted((one, other) => Number(other === "index.js") - Number(one === "index.js"))
    .map((name) => ({
      type: name.endsWith(".js") ? "ESModule" : "CompiledWasm",
      path: join(directory, name),
      contents: readFileSync(join(directory, name)),
    }));
}

class PoolHost {
  #miniflare: Miniflare | null = null;
  #cron: NodeJS.Timeout | undefined;

  async start(options: HostOptions): Promise<void> {
    this.#miniflare = new Miniflare(miniflareOptions(options));
    const url = await this.#miniflare.ready;
    if (options.cron) this.#armCron();
    report({ kind: "ready", url: url.origin });
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

const host = new PoolHost();

async function handle(request: HostRequest): Promise<void> {
  switch (request.kind) {
    case "start":
      return host.start(request.options).catch((error: unknown) => report({ kind: "failed", reason: text(error) }));
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

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { killWhenGone } from "../watchdog.ts";

/** A private redis-server, reached by a Unix socket that nobody else knows. */
export interface RedisServer {
  readonly socketPath: string;
  /** Of its process. */
  readonly pid: number;
  /** Stops it as a machine that freezes: connections stay open, nothing is answered. */
  pause(): void;
  resume(): void;
  /** Ends the process and removes its directory. */
  stop(): Promise<void>;
}

const READY = /ready to accept connections/i;

/**
 * Starts a redis-server and waits until it answers.
 * @param keptIn folder where what is written outlives it; null: nothing does
 * @throws Error when the program is missing or does not start
 */
export async function startRedisServer(keptIn: string | null = null): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), "edgepool-redis-"));
  const socketPath = join(directory, "redis.sock");
  if (keptIn !== null) await mkdir(keptIn, { recursive: true });
  // A write is on the disk before it is answered, as with the embedded ledger.
  const keeping = keptIn === null ? { appendonly: "no" } : { appendonly: "yes", appendfsync: "always" };
  const settings = { port: "0", unixsocket: socketPath, save: "", dir: keptIn ?? directory, ...keeping };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  // A group of its own: Ctrl-C in a terminal is for who started it, who then writes the last shares.
  const child = spawn("redis-server", args, { detached: true, stdio: ["ignore", "pipe", "inherit"] });
  // No test may leave a server behind, however its process ends.
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  const forget = child.pid === undefined ? () => undefined : killWhenGone(child.pid);
  const stop = async (): Promise<void> => {
    process.off("exit", killAtExit);
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    forget();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await ready(child);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    socketPath,
    pid: child.pid ?? -1,
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    stop,
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    child.once("error", (error) => reject(new Error(`redis-server cannot be run: ${error.message}`)));
    child.once("exit", (code) => reject(new Error(`redis-server ended with ${code}: ${said.join("\n")}`)));
    if (child.stdout === null) return;
    createInterface(child.stdout).on("line", (line) => {
      said.push(line);
      if (READY.test(line)) resolve();
    });
  });
}

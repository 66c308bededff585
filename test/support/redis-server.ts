import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRedis, type RedisConnection } from "../../scripts/ledger/node-redis.ts";

/** A real redis-server of one's own, on a Unix socket in a temporary directory, without persistence. */
export interface RedisServer {
  readonly path: string;
  /** `redis://127.0.0.1:<port>` where a port was asked for. */
  readonly url: string | null;
  connect(): Promise<RedisConnection>;
  stop(): Promise<void>;
}

/** @param options.tcp also listen on a free TCP port of the loopback interface */
export async function startRedis(options: { tcp?: boolean; args?: readonly string[] } = {}): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), "edgepool-redis-"));
  const path = join(directory, "redis.sock");
  const port = options.tcp ? await freePort() : 0;
  const child = spawn(
    "redis-server",
    // prettier-ignore
    ["--port", String(port), "--bind", "127.0.0.1", "--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", directory, ...(options.args ?? [])],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const connections: RedisConnection[] = [];
  await ready(child);
  return {
    path,
    url: port === 0 ? null : `redis://127.0.0.1:${port}`,
    async connect() {
      const connection = await connectRedis(`unix:${path}`);
      connections.push(connection);
      return connection;
    },
    async stop() {
      for (const connection of connections) await connection.close().catch(() => undefined);
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout?.on("data", (text: Buffer) => {
      output += String(text);
      if (output.includes("ready to accept connections") || output.includes("Ready to accept connections")) resolve();
    });
    child.once("error", (error) => reject(new Error("redis-server is needed for this test", { cause: error })));
    child.once("exit", (code) => reject(new Error(`redis-server ended with ${code}: ${output}`)));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bundleWorker } from "../../devnet/pool-host/worker-bundle.ts";
import { startPool, type PoolOptions, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";

let stateDir: string;
const pools: PoolProcess[] = [];

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-test-"));
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
  await rm(stateDir, { recursive: true, force: true });
});

async function start(options: Partial<PoolOptions> = {}): Promise<PoolProcess> {
  const pool = await startPool({ stateDir, cron: false, ...options });
  pools.push(pool);
  return pool;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** What a pool answers to somebody with a token. */
const asked = async (pool: PoolProcess, path: string, token: string, body?: object) => {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const sent = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  return await (await fetch(`${pool.url}${path}`, { headers, ...sent })).json();
};

/** Processes of a group, from /proc: what pgrep would say, without needing it. */
async function goneGroup(leader: number): Promise<void> {
  while (isAlive(-leader)) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe("the pool in a process of its own", () => {
  it("answers, is gone at once when killed, and comes back on the same port", async () => {
    const pool = await start();
    const { url, pid } = pool;
    expect((await fetch(`${url}/health`)).status).toBeGreaterThanOrEqual(200);
    await pool.kill();
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    await goneGroup(pid ?? 0);
    await pool.restart();
    expect(pool.url).toBe(url);
    expect((await fetch(`${url}/health`)).status).toBeGreaterThanOrEqual(200);
  });

  it("keeps the books, the bans and the pause of a state folder of when the pool was one script", async () => {
    const REDIS_TOKEN = "a-token-for-the-books";
    const ADMIN_TOKEN = "a-token-for-the-operator";
    const secrets = { REDIS_TOKEN, ADMIN_TOKEN };
    const before = await start({ bundles: [await bundleWorker()], secrets });
    await asked(before, "/redis", REDIS_TOKEN, ["HSET", "eth:stats", "roundShares", "12"]);
    await asked(before, "/admin/bans", ADMIN_TOKEN, {
      action: "add",
      client: "192.0.2.1",
      for: "12h",
      note: "a botnet",
    });
    await asked(before, "/admin/pause", ADMIN_TOKEN, { paused: true, login: null, note: "moving" });
    await before.kill();
    const after = await start({ secrets });
    expect(await asked(after, "/redis", REDIS_TOKEN, ["HGET", "eth:stats", "roundShares"])).toEqual({ result: "12" });
    expect(await asked(after, "/admin/bans", ADMIN_TOKEN)).toMatchObject({ bans: [{ client: "192.0.2.1" }] });
    expect(await asked(after, "/admin/pause", ADMIN_TOKEN)).toMatchObject({ paused: true, waitingFor: [] });
  });

  it("serves the page that it was started with, whatever a build does to its files", async () => {
    const whole = await bundleWorker();
    const built = join(stateDir, "built");
    await cp(join(import.meta.dirname, "../../web/dist"), built, { recursive: true });
    const settings = { ...whole.settings, assets: { ...Object(whole.settings["assets"]), directory: built } };
    const { url } = await start({ bundles: [{ ...whole, settings }], stateDir: join(stateDir, "state") });
    await rm(built, { recursive: true });
    for (const method of ["GET", "HEAD"])
      for (const path of ["/", "/bridge.mjs"])
        expect((await fetch(`${url}${path}`, { method })).status, path).toBe(200);
  });

  // As `npm start` has it, whose folder is .edgepool/state.
  it("serves the page from a state folder that is named from where it runs", async () => {
    const { url } = await start({ stateDir: relative(process.cwd(), stateDir) });
    for (const path of ["/", "/bridge.mjs", "/bridge.mjs.sha256"])
      expect((await fetch(`${url}${path}`)).status, path).toBe(200);
  });

  it("serves the page at / to a browser, and JSON-RPC with status 200 to a miner that posts there", async () => {
    const { url } = await start();
    const page = await fetch(`${url}/`);
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await page.text()).toContain("<title>");
    const body = JSON.stringify({ id: 3, method: "eth_getWork", params: [] });
    const mined = await fetch(`${url}/`, { method: "POST", body });
    expect([mined.status, await mined.json()]).toEqual([
      200,
      { id: 3, jsonrpc: "2.0", result: null, error: { code: expect.any(Number), message: expect.any(String) } },
    ]);
  });

  it("keeps the databases of its Durable Objects in the state directory", async () => {
    const pool = await start({ secrets: { REDIS_TOKEN: "books-of-this-test-only" } });
    const redis = (...command: string[]): Promise<unknown> =>
      fetch(`${pool.url}/redis`, {
        method: "POST",
        headers: { authorization: "Bearer books-of-this-test-only" },
        body: JSON.stringify(command),
      }).then((response) => response.json());
    expect(await redis("SET", "k", "kept")).toEqual({ result: "OK" });
    await pool.restart();
    expect(await redis("GET", "k")).toEqual({ result: "kept" });
    expect(readdirSync(stateDir).length).toBeGreaterThan(0);
  });

  it("gives settings to the Worker, over those of wrangler.toml", async () => {
    const pool = await start({ vars: { difficulty: "nonsense" } });
    const response = await fetch(`${pool.url}/health`);
    expect(response.status).toBe(500);
    expect(await response.text()).toContain("difficulty");
  });

  it("says that a port is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" ? address?.port : 0;
    await expect(start({ ...(port !== undefined && { port }) })).rejects.toThrow(/did not start.*in use/i);
    other.close();
  });

  it("fires the cron trigger on request, and refuses when it does not run", async () => {
    const pool = await start();
    await pool.scheduled();
    await pool.kill();
    await expect(pool.scheduled()).rejects.toThrow("does not run");
  });

  it.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)(
    "leaves nothing behind when its parent gets %s",
    async (signal) => {
      const script = `
      import { startPool } from ${JSON.stringify(join(import.meta.dirname, "../../devnet/pool-host/pool-process.ts"))};
      const pool = await startPool({ stateDir: ${JSON.stringify(stateDir)}, cron: false });
      console.log(pool.pid);
    `;
      const parent = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [line] = (await once(createInterface(parent.stdout), "line")) as [string];
      const leader = Number(line);
      expect(isAlive(-leader)).toBe(true);
      parent.kill(signal);
      await goneGroup(leader);
      expect(existsSync(stateDir)).toBe(true);
    },
  );

  it("leaves no workerd behind when its host process alone is killed", async () => {
    const pool = await start();
    const { pid } = pool;
    process.kill(pid ?? 0, "SIGKILL");
    await goneGroup(pid ?? 0);
    await pool.restart();
    expect((await fetch(`${pool.url}/health`)).status).toBeGreaterThanOrEqual(200);
  });
});

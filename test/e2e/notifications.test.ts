import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "@upstash/redis";
import { eip191Signer } from "micro-eth-signer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { settingsText } from "../../core/accounts/settings-message.ts";
import type { Message } from "../../core/notifications/messages.ts";
import { accountOf } from "../../core/payouts/payer/transaction.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { Cleanups } from "../support/quiet-pool.ts";

const ADMIN_TOKEN = "operator-of-this-test-only";
const NOTIFICATION_KEY = "signs-webhooks-of-this-test-only";
const REDIS_TOKEN = "books-of-this-test-only";
const CLI = join(import.meta.dirname, "../../scripts/admin/cli.ts");
const KEY = `0x${"46".repeat(32)}`;
const LOGIN = accountOf(KEY) ?? "";

interface Received {
  readonly path: string;
  readonly id: string;
  readonly signature: string;
  readonly body: string;
  readonly messages: readonly Message[];
}

/** A target as others run them: it can be away, and can say that it is too much. */
class Receiver {
  readonly received: Received[] = [];
  /** Statuses of the next answers; 200 afterwards. */
  readonly answers: number[] = [];
  #server: Server | null = null;
  port = 0;

  async open(): Promise<void> {
    const server = createServer((request, response) => {
      void this.#take(request).then(() => {
        const status = this.answers.shift() ?? 200;
        response.writeHead(status, status === 429 ? { "retry-after": "2" } : {}).end("ok");
      });
    });
    await new Promise<void>((resolve) => server.listen(this.port, "127.0.0.1", resolve));
    const address = server.address();
    if (typeof address === "object" && address !== null) this.port = address.port;
    this.#server = server;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve) ?? resolve(null));
  }

  async #take(request: IncomingMessage): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts).toString();
    const { id, messages } = JSON.parse(body) as Received;
    const signature = String(request.headers["x-edgepool-signature"]);
    this.received.push({ path: request.url ?? "", id, signature, body, messages });
  }

  /** What came at a path, once there is as much. */
  async wait(path: string, count: number): Promise<readonly Received[]> {
    for (;;) {
      const found = this.received.filter((one) => one.path === path);
      if (found.length >= count) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

const isSigned = (key: string, { signature, body }: Received): boolean => {
  const [, at, found] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
  return found === createHmac("sha256", key).update(`${at}.${body}`).digest("hex");
};

const cleanups = new Cleanups();
const receiver = new Receiver();
let pool: PoolProcess;
let stateDir: string;

async function start(): Promise<PoolProcess> {
  return await startPool({
    stateDir,
    cron: true,
    port: pool === undefined ? 0 : pool.port,
    vars: {
      devnet: true,
      notifications: {
        targets: [
          { name: "ops", kind: "webhook", to: `http://127.0.0.1:${receiver.port}/ops` },
          { name: "chat", kind: "discord", to: `http://127.0.0.1:${receiver.port}/chat`, events: ["node"] },
        ],
        miners: true,
        email: { provider: "generic", from: "pool@example.org", url: `http://127.0.0.1:${receiver.port}/mail` },
      },
    },
    secrets: { ADMIN_TOKEN, NOTIFICATION_KEY, REDIS_TOKEN, MAIL_API_KEY: "mail-of-this-test" },
  });
}

beforeAll(async () => {
  stateDir = await cleanups.folder("notify");
  await receiver.open();
  cleanups.add(() => receiver.close());
  pool = await start();
  cleanups.add(() => pool.close());
}, 120_000);
afterAll(() => cleanups.run());

async function admin(...args: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, pool.url, ...args], {
    env: { ...process.env, ADMIN_TOKEN },
  });
  return JSON.parse(stdout);
}

let nonce = 0;
async function sign(notifications: string): Promise<{ ok: boolean; webhookKey?: string; refused?: string }> {
  const url = new URL(pool.url);
  nonce += 1;
  const message = settingsText({
    pool: url.host,
    chainId: 61,
    login: LOGIN,
    nonce,
    expires: Math.floor(Date.now() / 1000) + 600,
    payoutThreshold: null,
    solo: false,
    hidden: false,
    notifications,
  });
  const body = JSON.stringify({ message, signature: eip191Signer.sign(message, KEY) });
  const response = await fetch(`${pool.url}/api/accounts/${LOGIN}/settings`, { method: "POST", body });
  return (await response.json()) as { ok: boolean };
}

describe("notifications of a real pool to a real server", () => {
  it("are signed, and tested by the operator's command", async () => {
    expect(await admin("notify", "test", "ops", "--note", "is it right?")).toMatchObject({ ok: true, tested: 1 });
    const [first] = await receiver.wait("/ops", 1);
    expect(first?.messages).toMatchObject([{ kind: "test", phase: "told" }]);
    expect(first !== undefined && isSigned(NOTIFICATION_KEY, first)).toBe(true);
    expect(await admin("notify")).toMatchObject({
      waiting: 0,
      targets: [{ name: "ops", to: "webhook at 127.0.0.1" }, {}],
    });
    expect(await admin("audit")).toMatchObject({ entries: [{ command: "notify test" }] });
    await expect(admin("notify", "test", "nobody", "--note", "x")).rejects.toThrow("Command failed");
  });

  it("survive the death of the pool while the target is away, and come under one id however often they are sent", async () => {
    const before = receiver.received.length;
    await receiver.close();
    expect(await admin("notify", "test", "ops", "--note", "away")).toMatchObject({ waiting: 1 });
    // Everybody may read /health: it says that messages wait, and not to what address. It keeps what it has said for some seconds.
    let health = "";
    const asked = async (): Promise<unknown> => {
      health = await (await fetch(`${pool.url}/health`)).text();
      return JSON.parse(health);
    };
    await expect.poll(asked, { timeout: 120_000, interval: 500 }).toMatchObject({
      notifications: { waiting: 1, oldestMs: expect.any(Number), failing: [{ name: "ops" }], minersFailing: 0 },
    });
    expect(health).not.toContain("/ops");
    await pool.kill();
    // What it hears first is not taken as an answer.
    receiver.answers.push(429);
    await receiver.open();
    pool = await start();
    const found = (await receiver.wait("/ops", before + 2)).slice(before);
    expect(new Set(found.map(({ id }) => id)).size).toBe(1);
    expect(found.at(-1)?.messages).toMatchObject([{ kind: "test" }]);
    for (;;) {
      const { waiting } = (await admin("notify")) as { waiting: number };
      if (waiting === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  });

  it("go where a miner has signed, with a key that only its answer tells, and are tested by its signature", async () => {
    const redis = new Redis({ url: `${pool.url}/redis`, token: REDIS_TOKEN, enableTelemetry: false });
    await redis.hset(`eth:miners:${LOGIN}`, { lastShare: 1 });
    const answer = await sign(`webhook http://127.0.0.1:${receiver.port}/rig offline+payments`);
    expect(answer).toMatchObject({ ok: true, settings: { notifications: 1 } });
    expect(await sign("unchanged, and send a test")).toMatchObject({ ok: true });
    const [test] = await receiver.wait("/rig", 1);
    expect(test?.messages).toMatchObject([{ kind: "test", data: { login: LOGIN } }]);
    expect(test !== undefined && isSigned(answer.webhookKey ?? "", test)).toBe(true);
    expect(await sign("email rigs@example.org payments")).toMatchObject({ ok: true });
    const [question] = await receiver.wait("/mail", 1);
    const path = /https:\/\/[^/]+(\/api\/accounts\/\w+\/mail\/\w+)/.exec(question?.body ?? "")?.[1] ?? "";
    expect(await (await fetch(`${pool.url}${path}`)).text()).toContain("<button>");
    expect((await fetch(`${pool.url}${path.slice(0, -4)}0000`, { method: "POST" })).status).toBe(404);
    expect((await fetch(`${pool.url}${path}`, { method: "POST" })).status).toBe(200);
    expect(await sign("unchanged, and send a test")).toMatchObject({ ok: true });
    expect((await receiver.wait("/mail", 2))[1]?.body).toContain("[main] A test");
    const shown = await (await fetch(`${pool.url}/api/accounts/${LOGIN}/settings`)).text();
    expect(shown).not.toContain("/rig");
    expect(await sign("webhook ftp://127.0.0.1/ offline")).toMatchObject({ refused: "bad_target" });
  });
});

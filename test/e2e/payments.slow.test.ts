/** Payments by the real Worker in workerd, over real HTTP to a chain that checks nonces and signatures; workerd is killed in the middle of its runs. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterEach, expect, it } from "vitest";
import { auditBooks } from "../../core/ledger/books/audit.ts";
import { exportBooks } from "../../core/ledger/books/dump.ts";
import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { accountOf } from "../../core/payouts/payer/transaction.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { SimChain, SimNode } from "../support/payouts/sim-chain.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";

// No byte occurs twice in a row: 32 equal ones may be in any file.
const KEY = "9b3f17c2a85d604e71d8b2f6530ac94e8d1762fbc5390ea4761fd08b25c93a6d";
const ACCOUNT = accountOf(KEY) ?? "";
const SECRETS = {
  REDIS_TOKEN: "a-token-for-the-books",
  ADMIN_TOKEN: "a-token-of-the-operator",
  METRICS_TOKEN: "a-token-for-the-metrics",
  PAYOUT_PRIVATE_KEY: KEY,
};
const PAYOUTS_CLI = join(import.meta.dirname, "../../scripts/payouts/cli.ts");
const PAYEES = 25;
const KILLS = 10;
const SHANNON_WEI = 10n ** 9n;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}

/** A key as somebody might have written it down: hex of either case, Base64, its bytes. */
function keyForms(key: string): (string | Buffer)[] {
  const bytes = Buffer.from(key, "hex");
  return [key, key.toUpperCase(), bytes.toString("base64").replace(/=+$/, ""), bytes];
}

/** A login's payment is gone from the ledger, and its balance is back: as in a copy of before. */
async function forget(ledger: RedisPort, login: string): Promise<void> {
  const [member = ""] = (await ledger.command(["ZRANGE", `eth:payments:${login}`, 0, -1])) as string[];
  const [hash, amount = ""] = member.split(":");
  const open = (await ledger.command(["HGETALL", "eth:payouts:open"])) as string[];
  const id = open[open.findIndex((text) => text.endsWith(`:${login}:${amount}`)) - 1] ?? "";
  await ledger.pipeline([
    ...[`eth:miners:${login}`, "eth:finances"].flatMap((key) => [
      ["HINCRBY", key, "paid", `-${amount}`] as const,
      ["HINCRBY", key, "balance", amount] as const,
    ]),
    ["ZREM", `eth:payments:${login}`, member],
    ["ZREM", "eth:payments:all", `${hash}:${login}:${amount}`],
    ["HDEL", "eth:payouts:open", id],
  ]);
}

/** `npm run payouts` as an operator calls it. @returns what it prints */
async function payoutsCli(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, ADMIN_TOKEN: SECRETS.ADMIN_TOKEN };
  return (await promisify(execFile)(process.execPath, [PAYOUTS_CLI, ...args], { env })).stdout;
}

/** The chain behind HTTP, as a node gives it. */
async function serve(node: SimNode): Promise<string> {
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(node.answerHttp(JSON.parse(body))));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(async () => server.close());
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

it(
  "pays everybody once, whenever workerd is killed, and the books and the chain add up",
  { timeout: 600_000 },
  async () => {
    const chain = new SimChain();
    chain.funds.set(ACCOUNT, 10n ** 21n);
    const url = await serve(new SimNode("node", chain));
    const stateDir = await mkdtemp(join(tmpdir(), "edgepool-payments-"));
    closing.push(() => rm(stateDir, { recursive: true, force: true }));
    const said: string[] = [];
    const pool = await startPool({
      stateDir,
      cron: false,
      vars: {
        chain: { name: "sim", epochLength: 30_000, chainId: 61 },
        upstream: [{ name: "node", url }],
        payouts: { enabled: true, address: ACCOUNT, interval: "5s", requirePeers: 1, confirmations: 5, finalDepth: 40 },
      },
      secrets: SECRETS,
      onLog: ({ message }) => said.push(message),
    });
    closing.push(() => pool.close());
    const ledger = upstashPort({ url: `${pool.url}/redis`, token: SECRETS.REDIS_TOKEN, timeoutMs: 120_000 });
    const logins = Array.from({ length: PAYEES }, (_, n) => loginAt(n + 1));
    for (const [n, login] of logins.entries()) {
      await ledger.command(["HINCRBY", `eth:miners:${login}`, "balance", 600_000_000 + n]);
      await ledger.command(["HINCRBY", "eth:finances", "balance", 600_000_000 + n]);
    }
    const admin = async (path: string, body?: object): Promise<Record<string, unknown>> => {
      const response = await fetch(`${pool.url}/admin/${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { Authorization: `Bearer ${SECRETS.ADMIN_TOKEN}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      said.push(text);
      return Object(JSON.parse(text));
    };
    /** A command makes the payer run at once. */
    const run = async () => await admin("payouts", { kind: "resume", note: "go on" });

    for (let kill = 0; kill < KILLS; kill += 1) {
      await run();
      await sleep(40 + ((kill * 137) % 500));
      await pool.kill();
      chain.mine(kill % 3);
      if (kill === 5) chain.reorganise(3, "lost");
      await pool.restart();
    }
    const paidCount = async (): Promise<unknown> => await ledger.command(["ZCARD", "eth:payments:all"]);
    for (let round = 0; round < 150 && (await paidCount()) !== PAYEES; round += 1) {
      await run();
      await sleep(300);
      chain.mine(2);
    }
    for (const login of logins) {
      const paid = await ledger.command(["HGET", `eth:miners:${login}`, "paid"]);
      expect([login, chain.received(login, ACCOUNT)]).toEqual([login, BigInt(String(paid)) * SHANNON_WEI]);
    }
    expect(await ledger.command(["HMGET", "eth:finances", "balance", "pending", "paid"])).toEqual([
      "0",
      "0",
      String(logins.reduce((sum, _login, n) => sum + 600_000_000 + n, 0)),
    ]);
    const findings = (await auditBooks(ledger, "eth")).filter(({ ok, check }) => !ok && check !== "credits");
    expect(findings).toEqual([]);
    expect(await ledger.command(["GET", "eth:payments:lock"])).toMatch(new RegExp(`^edgepool:${ACCOUNT}:`));

    const { payer } = Object(await (await fetch(`${pool.url}/health`)).json());
    expect(payer).toMatchObject({ account: ACCOUNT, paused: null, stages: { settled: PAYEES }, asking: 0 });
    const metrics = await (
      await fetch(`${pool.url}/metrics`, { headers: { Authorization: `Bearer ${SECRETS.METRICS_TOKEN}` } })
    ).text();
    expect(metrics).toContain(`edgepool_payer_payments{stage="settled"} ${PAYEES}`);
    expect(await admin("payouts/1")).toMatchObject({ id: 1, stage: "settled" });
    expect(await admin("payouts/plan")).toEqual({ plan: [] });
    expect(await admin("payouts/audit")).toMatchObject({ payments: PAYEES, foreign: [], wrong: [] });
    await forget(ledger, logins[0] ?? "");
    const cli = async (...args: string[]) => await payoutsCli(pool.url, ...args);
    expect(await cli("mend", "--all", "--dry-run")).toMatch(
      /payment \d+, 600000000 Shannon: paid\n1 payment\(s\) of 1 login\(s\) would be written\n$/,
    );
    expect(await cli("mend", "--all", "--note", "restored")).toMatch(/\n1 payment\(s\) were written again\n$/);
    expect((await auditBooks(ledger, "eth")).filter(({ ok, check }) => !ok && check !== "credits")).toEqual([]);
    expect(await cli("mend", "--all", "--dry-run")).toBe("0 payment(s) of 0 login(s) would be written\n");
    expect(await admin("payouts/waiting")).toEqual({ waiting: [] });
    said.push(JSON.stringify([payer, await admin("payouts/wallet")]), metrics, JSON.stringify(await admin("audit")));
    for (const route of ["payments/open", `accounts/${logins[0]}/payout`, "pool"])
      said.push(await (await fetch(`${pool.url}/api/${route}`)).text());
    for await (const line of exportBooks(ledger, "eth")) said.push(line);
    expect(said.join("\n").toLowerCase()).not.toContain(KEY);
    // The state as it lies on the disk, whatever is in it.
    await pool.kill();
    const secrets = keyForms(KEY);
    let files = 0;
    for (const entry of await readdir(stateDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name));
      files += 1;
      for (const secret of secrets) expect([entry.name, bytes.includes(secret)]).toEqual([entry.name, false]);
    }
    expect(files).toBeGreaterThan(3);
  },
);

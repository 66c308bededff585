/** What a miner and the operator see of payments that the real Worker makes over a chain that checks them, in a real browser. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checksummed } from "../../web/src/data/address.ts";
import { accountOf } from "../../core/payouts/payer/transaction.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { SimChain, SimNode } from "../support/payouts/sim-chain.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";
import { faultsOf, launchChromium, PHONE, picture, type TestBrowser } from "./support/chromium.ts";

const KEY = "42".repeat(32);
const ACCOUNT = accountOf(KEY) ?? "";
const [A, B] = [loginAt(0xa1), loginAt(0xb2)];
const SECRETS = {
  REDIS_TOKEN: "books-of-this-test-only",
  ADMIN_TOKEN: "operator-of-this-test-only",
  PAYOUT_PRIVATE_KEY: KEY,
};

const chain = new SimChain();
const node = new SimNode("node", chain);
let stateDir: string;
let pool: PoolProcess;
let browser: TestBrowser;
const server = createServer((request, response) => {
  void bodyOf(request).then((body) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(node.answerHttp(JSON.parse(body))));
  });
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}

const ledger = () => upstashPort({ url: `${pool.url}/redis`, token: SECRETS.REDIS_TOKEN, timeoutMs: 120_000 });

async function credit(login: string, shannon: number): Promise<void> {
  for (const key of [`eth:miners:${login}`, "eth:finances"])
    await ledger().command(["HINCRBY", key, "balance", shannon]);
}

/** A command of the operator makes the payer run at once. */
async function command(kind: "pause" | "resume"): Promise<void> {
  const headers = { Authorization: `Bearer ${SECRETS.ADMIN_TOKEN}` };
  const body = JSON.stringify({ kind, note: "of this test" });
  expect((await fetch(`${pool.url}/admin/payouts`, { method: "POST", headers, body })).status).toBe(200);
}

beforeAll(async () => {
  chain.funds.set(ACCOUNT, 10n ** 19n);
  chain.mine(3);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-payments-page-"));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server that listens on a port has one
  const { port } = server.address() as AddressInfo;
  pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: { name: "sim", epochLength: 30_000, chainId: 61 },
      upstream: [{ name: "node", url: `http://127.0.0.1:${port}` }],
      payouts: {
        enabled: true,
        address: ACCOUNT,
        interval: "5s",
        requirePeers: 1,
        confirmations: 5,
        finalDepth: 40,
        maxDay: "3000000000",
      },
    },
    secrets: SECRETS,
  });
  await credit(A, 700_000_000);
  await credit(B, 200_000_000);
  browser = await launchChromium();
}, 180_000);

afterAll(async () => {
  await browser?.close();
  await pool?.close();
  server.close();
  await rm(stateDir, { recursive: true, force: true });
});

async function open(path: string): Promise<Page> {
  const page = await browser.context.newPage();
  await page.goto(`${pool.url}/#${path}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  return page;
}

const figure = (page: Page, name: string) => page.locator(`[data-figure="${name}"]`);

async function signedIn(token = SECRETS.ADMIN_TOKEN): Promise<Page> {
  const page = await open("/operator");
  await page.getByLabel("The pool's ADMIN_TOKEN").fill(token);
  await page.getByRole("button", { name: "Show the wallet" }).click();
  return page;
}

describe("payments on the page", () => {
  it("are on their way, in a block, and paid with their confirmations, as chain and ledger have them", async () => {
    await command("resume");
    await expect.poll(() => chain.mempool.size, { timeout: 60_000 }).toBe(1);
    const [hash = ""] = chain.mempool.keys();
    const page = await open("/payments");
    const underWay = page.getByRole("region", { name: "Table: On their way" });
    await underWay.getByText("sent", { exact: true }).waitFor({ timeout: 60_000 });
    expect(await underWay.getByRole("row").nth(1).textContent()).toContain("0.70000000");
    await underWay.getByTitle(hash).first().waitFor();
    await page.close();

    chain.mine(3);
    await command("resume");
    const own = await open(`/account/${A}`);
    await own.getByText("2 of 5").waitFor({ timeout: 90_000 });
    await picture(own, "real-account", true);
    await own.close();

    chain.mine(6);
    await expect
      .poll(async () => (await command("resume"), await ledger().command(["ZCARD", "eth:payments:all"])), {
        timeout: 60_000,
        interval: 500,
      })
      .toBe(1);
    const paid = await open("/payments");
    const row = paid.getByRole("region", { name: "Table: Payments" }).getByRole("row").nth(1);
    await row.getByText(hash, { exact: true }).last().waitFor({ timeout: 90_000 });
    await expect.poll(async () => await row.getByRole("cell").nth(2).textContent(), { timeout: 90_000 }).toBe("8");
    expect(await faultsOf(paid)).toEqual([]);
    await picture(paid, "real-payments", true);
    await paid.close();
  });

  it("tell a miner what is missing to the next one", async () => {
    const page = await open(`/account/${B}`);
    await figure(page, "Missing").filter({ hasText: "0.30" }).waitFor({ timeout: 60_000 });
    expect(await figure(page, "Next payment").textContent()).toBe("unknown");
    expect(await faultsOf(page)).toEqual([]);
    await page.close();
  });
});

describe("the operator's page", () => {
  it("says no to a token that is not the pool's, and shows nothing", async () => {
    const page = await signedIn("guessed");
    await page.getByText("The token is not this pool's.").waitFor();
    expect(await figure(page, "Wallet").count()).toBe(0);
    await page.close();
  });

  it("shows the wallet as chain and ledger have it, pauses payments and lets them go on", async () => {
    const page = await signedIn();
    await figure(page, "Wallet").filter({ hasText: "9.3" }).waitFor({ timeout: 60_000 });
    expect(await figure(page, "Owed").textContent()).toMatch(/^0\.20/);
    expect(await figure(page, "Nonce").textContent()).toBe("1");
    await page.getByText("of 3.00; UTC day").waitFor();
    expect(await page.getByLabel("Account that pays").textContent()).toBe(checksummed(ACCOUNT));
    const pause = page.getByRole("button", { name: "Pause payments" });
    expect(await pause.isDisabled()).toBe(true);
    await page.getByLabel("Why, for the pool's log").fill("the fork of the 3rd");
    await pause.click();
    await page.getByText("Paused.", { exact: true }).waitFor();
    await figure(page, "Payments").filter({ hasText: "paused" }).waitFor({ timeout: 60_000 });
    await page.getByText("by the operator", { exact: true }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, "real-operator", true);
    await page.setViewportSize(PHONE);
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel("Why, for the pool's log").fill("over it");
    await page.getByRole("button", { name: "Resume payments" }).click();
    await page.getByText("Payments go on.", { exact: true }).waitFor();
    await figure(page, "Payments").filter({ hasText: "go on" }).waitFor({ timeout: 60_000 });
    const headers = { Authorization: `Bearer ${SECRETS.ADMIN_TOKEN}` };
    const audit = await (await fetch(`${pool.url}/admin/audit`, { headers })).text();
    for (const why of ["the fork of the 3rd", "over it"]) expect(audit).toContain(why);
    await page.close();
  });
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { customChain } from "@edgepool/ethash-wasm/chain-spec";
import { eip191Signer } from "micro-eth-signer";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accountOf } from "../../core/payouts/payer/transaction.ts";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { faultsOf, launchChromium, PHONE, type TestBrowser } from "./support/chromium.ts";

const KEY = `0x${"46".repeat(32)}`;
const LOGIN = accountOf(KEY) ?? "";
const OTHER = `0x${"12".repeat(20)}`;
const PAYER_KEY = "42".repeat(32);
const TOKEN = "books-of-this-test-only";
const CHAIN = { name: "devnet", epochLength: 30_000 };

let stateDir: string;
let node: DevNode;
let pool: PoolProcess;
let browser: TestBrowser;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-settings-"));
  node = await startNode({ spec: customChain(CHAIN), difficulty: 6000n, blockTimeMs: 20_000 });
  pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: { ...CHAIN, chainId: 4711 },
      upstream: [{ name: "geth", url: node.url, timeout: "5s" }],
      payouts: { enabled: true, address: accountOf(PAYER_KEY) ?? "" },
      notifications: { miners: true },
    },
    secrets: { REDIS_TOKEN: TOKEN, PAYOUT_PRIVATE_KEY: PAYER_KEY, NOTIFICATION_KEY: "signs-webhooks-of-this-test" },
  });
  await redis("HSET", `eth:miners:${LOGIN}`, "lastShare", "1", "balance", "1");
  browser = await launchChromium();
}, 180_000);

afterAll(async () => {
  await browser?.close();
  await pool?.close();
  await node?.close();
  await rm(stateDir, { recursive: true, force: true });
});

async function redis(...command: string[]): Promise<unknown> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const response = await fetch(`${pool.url}/redis`, { method: "POST", headers, body: JSON.stringify(command) });
  const { result } = (await response.json()) as { result: unknown };
  return result;
}

/** The miner's page, in a browser whose wallet holds an account and really signs, or says no. */
async function open({ account = LOGIN, refuses = false, wallet = true } = {}): Promise<Page> {
  const page = await browser.context.newPage();
  if (wallet) {
    await page.exposeFunction("walletAsked", (method: string, params: readonly string[]) => {
      if (method === "eth_requestAccounts") return [account];
      if (method !== "personal_sign" || params[1] !== LOGIN) throw new Error(`not asked for: ${method}`);
      return refuses ? null : eip191Signer.sign(Buffer.from(params[0]?.slice(2) ?? "", "hex").toString(), KEY);
    });
    await page.addInitScript(`globalThis.ethereum = { async request({ method, params = [] }) {
      const answer = await walletAsked(method, params);
      if (answer === null) throw Object.assign(new Error("denied"), { code: 4001 });
      return answer;
    } }`);
  }
  await page.goto(`${pool.url}/#/account/${LOGIN}`);
  await page.getByRole("button", { name: "Change settings of this address" }).click();
  await page.getByLabel("Text to sign").waitFor();
  return page;
}
const sign = (page: Page) => page.getByRole("button", { name: "Sign with this browser's wallet" }).click();
const says = (page: Page, text: string) => page.getByRole("status").filter({ hasText: text }).waitFor();

describe("a miner's settings on the page", () => {
  it("are signed by the browser's wallet, saved, and shown as they are when the page is opened anew", async () => {
    const page = await open();
    await page.getByLabel(/Pay me when my balance is above/).fill("0.4");
    expect(await page.getByRole("button", { name: "Sign with this browser's wallet" }).isDisabled()).toBe(true);
    await page.getByLabel(/Pay me when my balance is above/).fill("2.5");
    await page.getByLabel("Show my address in no list of this pool").check();
    expect(await page.getByLabel("Text to sign").textContent()).toContain("payout threshold: 2500000000 Shannon");
    await sign(page);
    await says(page, "Saved.");
    expect(await redis("HGET", `eth:settings:${LOGIN}`, "payoutthreshold")).toBe("2500000000");
    expect(await redis("SMEMBERS", "eth:hidden")).toEqual([LOGIN]);
    await page.close();
    const again = await open();
    expect(await again.getByLabel(/Pay me when my balance is above/).inputValue()).toBe("2.5");
    expect(await again.getByLabel("Show my address in no list of this pool").isChecked()).toBe(true);
    expect(await again.getByLabel("Text to sign").textContent()).toContain("nonce: 2\n");
    await again.close();
  });

  it("are saved with a signature that was made elsewhere and pasted, and not with that of another key", async () => {
    const page = await open({ wallet: false });
    await page.getByLabel("Show my address in no list of this pool").uncheck();
    expect(await page.getByRole("button", { name: "Sign with this browser's wallet" }).count()).toBe(0);
    await page.getByText("Sign it elsewhere").click();
    const text = (await page.getByLabel("Text to sign").textContent()) ?? "";
    await page.getByLabel("Signature").fill(eip191Signer.sign(text, `0x${PAYER_KEY}`));
    await page.getByRole("button", { name: "Send" }).click();
    await says(page, `Refused: not of ${LOGIN}`);
    await page.getByLabel("Signature").fill(eip191Signer.sign(text, KEY));
    await page.getByRole("button", { name: "Send" }).click();
    await says(page, "Saved.");
    expect(await redis("SMEMBERS", "eth:hidden")).toEqual([]);
    await page.close();
  });

  it("name where the miner is told of its rigs, which the page shows to nobody afterwards", async () => {
    const page = await open();
    await page.getByLabel("Tell me of my rigs").selectOption("replace");
    const button = page.getByRole("button", { name: "Sign with this browser's wallet" });
    expect(await button.isDisabled()).toBe(true);
    await page.getByLabel("Kind of target").selectOption("webhook");
    await page.getByLabel("Address of the target").fill("https://10.0.0.1/rigs");
    expect(await button.isDisabled()).toBe(true);
    await page.getByLabel("Address of the target").fill("https://hooks.example.org/rigs");
    await page.getByLabel("Quiet hours, UTC").fill("22:00-07:00");
    const wanted = "webhook https://hooks.example.org/rigs offline+payments quiet 22:00-07:00 UTC";
    expect(await page.getByLabel("Text to sign").textContent()).toContain(`notifications: ${wanted}`);
    await sign(page);
    await says(page, "Saved. Messages to your webhook are signed with this key");
    expect(await redis("HGET", `eth:settings:${LOGIN}`, "notifications")).toBe(wanted);
    await page.close();
    const again = await open();
    expect(await again.getByLabel("Tell me of my rigs").textContent()).toContain("as it is (one target)");
    expect(await again.content()).not.toContain("hooks.example.org");
    await again.getByLabel("Tell me of my rigs").selectOption("test");
    await sign(again);
    await says(again, "Saved.");
    await again.close();
  });

  it("say why nothing was signed: another account in the wallet, or its owner's no", async () => {
    const other = await open({ account: OTHER });
    await sign(other);
    await says(other, `The wallet offers ${OTHER}`);
    await other.close();
    const refusing = await open({ refuses: true });
    await sign(refusing);
    await says(refusing, "Nothing was signed.");
    await refusing.close();
  });

  it("can be used by everybody, on a phone as well", async () => {
    const page = await open();
    await page.getByText("Sign it elsewhere").click();
    expect(await faultsOf(page)).toEqual([]);
    await page.setViewportSize(PHONE);
    expect(await faultsOf(page)).toEqual([]);
    await page.close();
  });
});

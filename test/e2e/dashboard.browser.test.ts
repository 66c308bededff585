import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DESKTOP, faultsOf, launchChromium, PHONE, picture, type TestBrowser } from "./support/chromium.ts";
import { startMiningPool, type MiningPool } from "./support/mining-pool.ts";

const hash = (digit: string) => `0x${digit.repeat(64)}`;

let mining: MiningPool;
let chromium: TestBrowser;
let browser: BrowserContext;
/** What no page may ever do. */
const complaints: string[] = [];

beforeAll(async () => {
  mining = await startMiningPool(["rig-1", "rig-2"]);
  chromium = await launchChromium();
  browser = chromium.context;
  // A block of every state, and a payment: what an unlocker and a payouts module would have written.
  const nowS = Math.floor(Date.now() / 1000);
  await mining.redis(
    "ZADD",
    "eth:blocks:immature",
    90,
    `0:0:0x2:${hash("4")}:${nowS - 4000}:6000:5100:2560000000000000000`,
  );
  await mining.redis(
    "ZADD",
    "eth:blocks:matured",
    89,
    `0:0:0x3:${hash("5")}:${nowS - 8000}:6000:9100:2560000000000000000`,
  );
  await mining.redis(
    "ZADD",
    "eth:blocks:matured",
    88,
    `87:0:0x4:${hash("6")}:${nowS - 9000}:6000:3100:2240000000000000000`,
  );
  await mining.redis("ZADD", "eth:blocks:matured", 87, `0:1:0x5:${hash("7")}:${nowS - 9900}:6000:6100:0`);
  await mining.redis("ZADD", "eth:payments:all", nowS - 600, `${hash("8")}:${mining.login}:500000000`);
  await mining.redis("ZADD", `eth:payments:${mining.login}`, nowS - 600, `${hash("8")}:500000000`);
  await mining.firstShare();
  await mining.pool.scheduled();
}, 180_000);

afterAll(async () => {
  await chromium?.close();
  await mining?.close();
});

async function open(path: string): Promise<Page> {
  const page = await browser.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(`${path}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`${path}: ${error.message}`));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== mining.pool.url && protocol !== "data:") complaints.push(`${path}: asked ${request.url()}`);
  });
  await page.goto(`${mining.pool.url}/#${path}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  return page;
}

const figure = (page: Page, name: string) => page.locator(`[data-figure="${name}"]`);

describe("the dashboard in Chromium, on a pool that mines", () => {
  it("shows figures that change by themselves, without a reload", async () => {
    const page = await open("/");
    let loads = 0;
    page.on("load", () => (loads += 1));
    await page.waitForFunction(() =>
      /[1-9].*H\/s/.test(document.querySelector('[data-figure="Pool hashrate"]')?.textContent ?? ""),
    );
    expect(await figure(page, "Workers online").textContent()).toBe("2");
    const before = await figure(page, "Round shares").textContent();
    await page.waitForFunction(
      (text) => document.querySelector('[data-figure="Round shares"]')?.textContent !== text,
      before,
    );
    expect(await figure(page, "Round shares").textContent()).toMatch(/^[\d.]+\sk?H$/);
    expect(loads).toBe(0);
    await page.close();
  });

  it("shows a miner's workers with their state, hashrate, stale and invalid rates, and its payments", async () => {
    const page = await open(`/account/${mining.login}`);
    const rigs = page.getByRole("region", { name: "Table: Workers" }).getByRole("row");
    await rigs.nth(2).waitFor();
    expect((await rigs.allTextContents()).slice(1).map((text) => text.slice(0, 11))).toEqual([
      "rig-1online",
      "rig-2online",
    ]);
    await page.waitForFunction(() => /\d\.\d\d\s%/.test(document.querySelector("main")?.textContent ?? ""));
    expect(await page.getByRole("region", { name: "Table: Payments" }).textContent()).toContain("0.50000000 ETH");
    await page.close();
  });

  it("writes the command line of every miner program and of the bridge with the visitor's address in it", async () => {
    const page = await open("/connect");
    await page.getByLabel("Your address").fill(mining.login);
    await page.getByLabel("Worker").fill("garage-3");
    await page.getByLabel("Bridge, as miners see it").fill("192.168.1.7");
    await page.getByText("lolMiner", { exact: true }).click();
    expect(await page.getByLabel("lolMiner", { exact: true }).textContent()).toBe(
      `lolMiner --algo ETHASH --pool 192.168.1.7:8008 --user ${mining.login}.garage-3 --ethstratum ETHPROXY`,
    );
    expect(await page.getByLabel("Bridge", { exact: true }).textContent()).toBe(
      `curl -fO ${mining.pool.url}/bridge.mjs\nnode bridge.mjs ws://127.0.0.1:${mining.pool.port} --listen 8008 --allow-insecure`,
    );
    // What is not an address never gets into a command line.
    await page.getByLabel("Your address").fill('0x1"; rm -rf / #');
    expect(await page.getByLabel("lolMiner", { exact: true }).textContent()).toContain("0xYOUR_ADDRESS.garage-3");
    await page.close();
  });

  it("shows whatever a worker calls itself as text", async () => {
    const name = '<img src=x onerror="document.title=1">';
    const nowS = Math.floor(Date.now() / 1000);
    const login = `0x${"c".repeat(40)}`;
    await mining.redis("HSET", `eth:miners:${login}`, "lastShare", nowS, "note", name);
    await mining.redis("ZADD", `eth:hashrate:${login}`, nowS, `1000:${name}:1`);
    const page = await open(`/account/${login}`);
    await page.getByText(name).waitFor();
    expect(await page.locator("main img").count()).toBe(0);
    expect(await page.title()).toBe("Miner · edgepool");
    await page.close();
  });

  it("calls nothing empty that it could not ask for, and nothing live", async () => {
    const page = await browser.newPage();
    await page.route("**/api/payments", (route) => route.abort());
    await page.goto(`${mining.pool.url}/#/payments`);
    await page.getByText("Not known now. The pool does not answer.").waitFor();
    await page.getByText("The pool does not answer; trying again").waitFor();
    expect(await page.textContent("main")).not.toMatch(/Nothing has been paid yet|Live/);
    await page.close();
  });

  it("says that figures are old when the pool serves old ones, and links an account to the chain's explorer", async () => {
    const page = await browser.newPage();
    await page.route(`**/api/accounts/${mining.login}`, async (route) => {
      const response = await route.fetch();
      const minutesAgo = new Date(Date.now() - 300_000).toUTCString();
      await route.fulfill({
        response,
        headers: { ...response.headers(), date: new Date().toUTCString(), "last-modified": minutesAgo },
      });
    });
    await page.route("**/api/pool", async (route) => {
      const response = await route.fetch();
      const explorer = {
        block: "https://x.org/b/{}",
        transaction: "https://x.org/t/{}",
        address: "https://x.org/a/{}",
      };
      const facts: object = await response.json();
      await route.fulfill({ response, json: { ...facts, explorer } });
    });
    await page.goto(`${mining.pool.url}/#/account/${mining.login}`);
    await page.getByText(/^Figures of 5\smin ago: the ledger cannot be read$/).waitFor();
    const link = await page.getByRole("link", { name: "On the chain" }).getAttribute("href");
    expect(link?.toLowerCase()).toBe(`https://x.org/a/${mining.login}`);
    await page.close();
  });

  it("says what is wrong with an address that was typed into the search", async () => {
    const page = await open("/");
    const search = page.getByRole("search").getByRole("searchbox");
    for (const [text, problem] of [
      ["0x12", "40 digits after 0x; this has 2"],
      ["rig1", "0 to 9 and a to f"],
      [`0xB85150eb365e7df0941f0cf08235f987ba91506a`, "one digit or more is mistyped"],
    ] as const) {
      await search.fill(text);
      await page.keyboard.press("Enter");
      expect(await page.getByRole("alert").textContent()).toContain(problem);
    }
    await page.close();
  });

  it("copies without a clipboard, as on plain http in a LAN", async () => {
    const page = await browser.newPage();
    await page.addInitScript("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
    await page.goto(`${mining.pool.url}/#/connect`);
    await page.getByRole("button", { name: "Copy: websocat" }).click();
    await page
      .getByRole("status")
      .filter({ hasText: /^(Copied|Select and copy by hand)$/ })
      .waitFor({ state: "attached" });
    await page.close();
  });

  it("can be used with the keyboard alone", async () => {
    const page = await open("/miners");
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").textContent()).toBe("Skip to content");
    await page.keyboard.press("Enter");
    expect(await page.locator(":focus").getAttribute("id")).toBe("main");
    await page.getByRole("search").getByRole("searchbox").focus();
    await page.keyboard.type(mining.login);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Miner" }).waitFor();
    await page.close();
  });

  it.each([
    ["desktop", "light", DESKTOP],
    ["desktop", "dark", DESKTOP],
    ["phone", "light", PHONE],
    ["phone", "dark", PHONE],
  ] as const)("is accessible and fits the screen: %s, %s", async (device, colorScheme, viewport) => {
    for (const path of ["/", "/miners", "/blocks", "/payments", `/account/${mining.login}`, "/connect"]) {
      const page = await open(path);
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      await page.waitForFunction(() => document.querySelector(".skeleton") === null);
      expect(await faultsOf(page), path).toEqual([]);
      await picture(page, `${path.split("/")[1] || "overview"}-${device}-${colorScheme}`);
      await page.close();
    }
  });

  it("has not written an error to the console and asked nobody but the pool, in all of this", () => {
    expect(complaints).toEqual([]);
  });

  it("is light to load: under 150 KB of script, gzipped", async () => {
    const assets = join(import.meta.dirname, "../../web/dist/assets");
    const scripts = (await readdir(assets)).filter((name) => name.endsWith(".js"));
    const sizes = await Promise.all(scripts.map(async (name) => gzipSync(await readFile(join(assets, name))).length));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(150_000);
  });
});

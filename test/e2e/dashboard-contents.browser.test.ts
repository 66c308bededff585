import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EMPTY, LOGIN, RICH, type PageAnswers } from "../support/page-answers.ts";
import { DESKTOP, PHONE } from "./support/chromium.ts";
import { figure, startPoolPage, type PoolPage } from "./support/pool-page.ts";

let pages: PoolPage;
beforeAll(async () => void (pages = await startPoolPage()));
afterAll(() => pages?.close());

const open: PoolPage["open"] = (...how) => pages.open(...how);

describe("the first screen", () => {
  it("says fee, scheme with its window, minimum payout, network hashrate, block time, effort and next epoch", async () => {
    const page = await open("overview", RICH);
    expect(await figure(page, "Pool fee")).toBe("1 % | PPLNS, the last 2 × difficulty; solo on request: 0.5 %");
    expect(await figure(page, "Minimum payout")).toBe("0.50 ETC | a block pays 2.048 ETC");
    expect(await figure(page, "Network hashrate")).toBe("238 TH/s | difficulty 3.14 PH");
    expect(await figure(page, "Current effort")).toMatch(/^135\.0 %/);
    expect(await figure(page, "Height")).toBe("23,512,345 | a block in 13 s; next epoch in 7,655 blocks (1 d 4 h)");
    // All of it without scrolling.
    const bottom = await page
      .locator('[data-figure="Minimum payout"]')
      .evaluate((box) => box.getBoundingClientRect().bottom);
    expect(bottom).toBeLessThan(DESKTOP.height);
    await page.close();
  });
});

describe("a hashrate whose window is still filling", () => {
  it("is said to be too low, of the pool, of a miner and of all in the list, until it has been counted for ten minutes", async () => {
    const startedS = Math.floor(Date.now() / 1000) - 120;
    const young: PageAnswers = {
      ...RICH,
      overview: { ...RICH.overview, firstShare: startedS },
      miners: { ...RICH.miners, firstShare: startedS },
      // Its chart begins with the ten minutes that the first share is in.
      account: { ...RICH.account, firstShare: startedS },
      accountHistory: { ...RICH.accountHistory, at: [startedS - 540] },
    };
    for (const [page, name] of [
      [await open("overview", young), "Pool hashrate"],
      [await open("account", young), "Hashrate, 30\u00A0min"],
    ] as const) {
      await page.getByText("too low still: 2 min").first().waitFor();
      expect(await figure(page, name)).toMatch(/too low still: 2 min( \d+ s)? of the first 10 min$/);
      await page.close();
    }
    const list = await open("miners", young);
    await list.getByText(/ together \(too low still: 2\smin of the first 10\smin\)$/).waitFor();
    await list.close();
  });
});

describe("the page's frame", () => {
  it("names each page in the browser's tab, and marks where one is", async () => {
    for (const [name, title] of [
      ["overview", "Pool"],
      ["miners", "Miners"],
      ["blocks", "Blocks"],
      ["block", "Block 23,511,934"],
      ["payments", "Payments"],
      ["account", "Miner"],
      ["connect", "Connect a miner"],
      ["operator", "Operator"],
    ] as const) {
      const page = await open(name, RICH);
      expect(await page.title(), name).toBe(`${title} · edgepool`);
      const here = await page.locator("nav [aria-current=page]").count();
      expect(here, name).toBe(["block", "account", "operator"].includes(name) ? 0 : 1);
      await page.close();
    }
  });

  it("has one ground from top to bottom where there is little on a page", async () => {
    const page = await open("payments", EMPTY);
    const grounds = await page.evaluate(() => [
      ...new Set(
        [1, innerHeight / 2, innerHeight - 1].map((y) => {
          const below = document.elementsFromPoint(2, Math.max(y, 80));
          return below.map((e) => getComputedStyle(e).backgroundColor).find((colour) => !colour.endsWith(", 0)"));
        }),
      ),
    ]);
    expect(grounds).toHaveLength(1);
    await page.close();
  });
});

describe("the programs to mine with", () => {
  it("are those that can mine the chain: no ethminer for Etchash, and for Ethash again", async () => {
    const etchash = await open("connect", RICH);
    await etchash.getByText("lolMiner", { exact: true }).waitFor();
    expect(await etchash.getByText(/^(ethminer|Claymore)/).count()).toBe(0);
    for (const program of ["NBMiner", "SRBMiner-Multi", "Rigel", "BzMiner"])
      expect(await etchash.getByText(program, { exact: true }).count(), program).toBe(1);
    await etchash.close();
    const ethash = await open("connect", {
      ...RICH,
      pool: { ...RICH.pool, chain: "ethereum-pow", ecip1099Block: null },
    });
    await ethash.getByText("ethminer", { exact: true }).waitFor();
    await ethash.close();
  });
});

describe("an account", () => {
  it("says rewards, estimate, share of the round and reported hashrates, and where the balance comes from", async () => {
    const page = await open("account", RICH);
    expect(await figure(page, "Reported hashrate")).toBe("249 MH/s | as the miner programs say");
    expect(await figure(page, "Share of the round")).toBe("0.29 % | 12.3 TH, 3 blocks found");
    expect(await figure(page, "Rewards, one day")).toBe("0.123457 ETC | 0.823457 in seven days");
    expect(await figure(page, "Estimate a day")).toMatch(/^0\.133457 ETC/);
    // Whole amounts, however large: on the page, and not only in a title.
    expect(await figure(page, "Paid")).toBe("12,345.68 ETC | 0.00 on its way");
    await page.getByText("Matured in all 12,345.802358024 ETC: 12,345.678901234 paid").waitFor();
    const rewards = page.getByRole("region", { name: "Table: Rewards" }).getByRole("row");
    expect(await rewards.count()).toBe(11);
    await page.getByRole("button", { name: "Show all 18" }).click();
    expect(await rewards.count()).toBe(19);
    expect(await rewards.nth(1).textContent()).toContain("0.00234568 ETC");
    const rig = page.getByRole("region", { name: "Table: Workers" }).getByRole("row").nth(2);
    expect(await rig.textContent()).toContain("62.3\u00A0MH/s");
    await page.close();
  });

  it("draws one worker's chart when it is chosen", async () => {
    const page = await open("account", RICH);
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).search));
    await page.getByLabel("Which worker").selectOption("rig-1");
    await page.waitForFunction(() => document.querySelectorAll("[aria-label='How far back']").length === 0);
    await expect.poll(() => asked, { timeout: 120_000 }).toContain("?range=1d&worker=rig-1");
    await page.getByRole("img", { name: /^Hashrate: Hashrate now/ }).waitFor();
    await page.close();
  });

  it("links its figures as JSON and as tables", async () => {
    const page = await open("account", RICH);
    const links = await page
      .locator("main a[href^='/api/']")
      .evaluateAll((all) => all.map((a) => a.getAttribute("href")));
    const path = `/api/accounts/${LOGIN}`;
    expect(new Set(links)).toEqual(new Set([path, `${path}/rewards`, `${path}/rewards.csv`, `${path}/payments.csv`]));
    await page.close();
  });
});

describe("blocks", () => {
  it("stand in the list with state, effort, fee and finder, and lead to who was credited for them", async () => {
    const page = await open("blocks", RICH);
    const rows = page.getByRole("region", { name: "Table: Immature" }).getByRole("row");
    await rows.nth(2).waitFor();
    const listed = rows.nth(2).locator("a[href^='https://explorer.example/block/0x']");
    expect(await listed.getAttribute("href")).toMatch(/\/0x[0-9a-f]{64}$/);
    await rows.nth(2).getByRole("button", { name: "Copy: Block" }).waitFor();
    expect(await rows.nth(2).textContent()).toMatch(/^23,511,935immatureuncle.*160\s%0\.064 ETC1\s%0xb85150…91506A/);
    expect(await page.getByText("orphan", { exact: true }).count()).toBe(2);
    // Of an orphan and a candidate nobody has anything.
    expect(await page.getByRole("region", { name: "Table: Candidates" }).getByRole("link").count()).toBe(1);
    await page.getByRole("link", { name: "23,511,934" }).click();
    await page.getByRole("heading", { level: 1, name: "Block 23,511,934" }).waitFor();
    const chain = page.locator("main a[href^='https://explorer.example/block/0x']").first();
    expect(await chain.getAttribute("href")).toMatch(/\/0x[0-9a-f]{64}$/);
    await page.getByRole("button", { name: "Copy: Block" }).first().waitFor();
    await page.getByText("Credits (the 120 largest of 3,120)").waitFor();
    expect(await page.getByRole("region", { name: "Table: Credits" }).getByRole("row").nth(1).textContent()).toBe(
      "0x9C4F9c…abcDef0.20000000 ETC7.81\u00A0%",
    );
    await page.close();
  });
});

describe("a list of which the newest are shown", () => {
  it("says so, under how many there are; one that is whole does not", async () => {
    const page = await open("blocks", RICH);
    await page.getByText("Matured (1,234)").waitFor();
    expect(await page.getByText(/^The newest \d+ are shown\.$/).allTextContents()).toEqual([
      "The newest 20 are shown.",
    ]);
    await page.close();
    const payments = await open("payments", RICH);
    await payments.getByText("3,123 in all").waitFor();
    await payments.getByText("The newest 30 are shown.").waitFor();
    await payments.close();
  });
});

describe("a command to copy", () => {
  it("is not broken behind the hyphens of an option where it does not fit", async () => {
    const page = await open("connect", RICH, { viewport: PHONE });
    const options = page.getByLabel("Bridge", { exact: true }).locator("code span");
    const heights = await options.evaluateAll((spans) =>
      spans.map((span) => [span.textContent, span.getBoundingClientRect().height] as const),
    );
    expect(heights.map(([option]) => option)).toEqual(["-fO", "--listen", "--allow-insecure"]);
    expect(new Set(heights.map(([, height]) => height)).size).toBe(1);
    await page.close();
  });
});

describe("payments", () => {
  it("say how deep each is, with its whole hash, and of those on their way how far they are and what they wait for", async () => {
    const page = await open("payments", RICH);
    const underWay = page.getByRole("region", { name: "Table: On their way" }).getByRole("row");
    await underWay.nth(4).waitFor();
    // The oldest first.
    expect(await underWay.nth(1).textContent()).toContain("held up");
    expect(await underWay.nth(1).textContent()).toContain("another transaction has its nonce");
    expect(await underWay.nth(2).textContent()).toMatch(/in a block.*7 of 20/);
    expect(await underWay.nth(4).textContent()).toMatch(/to be signed.*payments are paused/);
    await page.getByText(/^Payments are begun again in .*; one counts when it is 20 blocks deep\.$/).waitFor();
    const paid = page.getByRole("region", { name: "Table: Payments" }).getByRole("row").nth(1);
    const tx = RICH.payments.payments[0]?.tx ?? "";
    const link = paid.getByRole("link", { name: tx });
    expect(await link.innerText()).toBe(tx);
    expect(await link.getAttribute("href")).toBe(`https://explorer.example/tx/${tx}`);
    expect(await paid.getByRole("cell").nth(2).textContent()).toBe("20");
    await page.close();
  });

  it("of a pool that pays nobody itself are those that were made, and nothing is said of the next", async () => {
    const page = await open("payments", EMPTY);
    await page.getByText("Nothing has been paid yet.").waitFor();
    expect(await page.getByText("On their way").count()).toBe(0);
    await page.close();
  });

  it("to a miner: the next one with what is missing, or why it waits", async () => {
    const page = await open("account", RICH);
    expect(await figure(page, "Next payment")).toMatch(/^in 2 d 2\d h \| .*, by the estimate a day$/);
    expect(await figure(page, "Missing")).toBe("0.376543 ETC | paid above 0.50 ETC");
    await page.getByText("12 of 20").waitFor();
    await page.close();
    const payout = { ...RICH.payout, balance: 900_000_000, missing: 0 };
    const due = await open("account", { ...RICH, payout: { ...payout, expected: Math.floor(Date.now() / 1000) + 3 } });
    expect(await figure(due, "Next payment")).toMatch(/^any moment now/);
    expect(await figure(due, "Amount")).toBe("0.90 ETC | all of the balance");
    await due.close();
    const held = await open("account", {
      ...RICH,
      payout: { ...payout, expected: null, reason: "held by the operator" },
    });
    expect(await figure(held, "Next payment")).toBe("unknown | held by the operator");
    await held.close();
    const paused = await open("account", { ...RICH, payout: { ...payout, expected: null, paused: "a fork" } });
    expect(await figure(paused, "Next payment")).toBe("unknown | payments are paused: a fork");
    await paused.close();
  });
});

describe("the operator's page", () => {
  it("shows wallet, what is owed, nonce, caps, what is on its way and who is not paid", async () => {
    const page = await open("operator", RICH);
    expect(await figure(page, "Wallet")).toBe("1,234.57 ETC | at least what is owed");
    expect(await figure(page, "Owed")).toBe("987.6543 ETC | 3.7037 on its way, 44.4444 immature");
    expect(await figure(page, "Nonce")).toBe("4,714 | 4,711 in the chain; not ours: 4001, 4002");
    expect(await figure(page, "On their way")).toBe("3 of 10 | 1 decision of yours awaited");
    expect(await figure(page, "Paid today")).toBe("123.4568 ETC | of 1,000.00; UTC day");
    expect(await figure(page, "This run")).toBe("0.00 ETC | of no cap; a payment: 50.00");
    expect(await figure(page, "Payments")).toBe("go on | nothing stops them");
    await page.getByText("node spare: it has 2 peers, 5 are required").waitFor();
    const refused = page.getByRole("region", { name: "Table: Not paid" }).getByRole("row");
    expect(await refused.nth(1).textContent()).toContain("its address refused payment 17");
    expect(await refused.nth(2).textContent()).toContain("above payouts.maxPayment");
    await page.close();
    const { status } = RICH.wallet;
    const rehearsed = await open("operator", {
      ...RICH,
      wallet: { ...RICH.wallet, status: { ...status, dryRun: true, walletWei: "5" } },
    });
    expect(await figure(rehearsed, "Payments")).toBe("dry run | rehearsed, nobody is paid");
    expect(await figure(rehearsed, "Wallet")).toMatch(/less than is owed$/);
    await rehearsed.close();
    const paused = await open("operator", {
      ...RICH,
      wallet: { ...RICH.wallet, status: { ...status, paused: "a fork" } },
    });
    expect(await figure(paused, "Payments")).toBe("paused | a fork");
    await paused.close();
  });

  it("keeps the token in memory alone", async () => {
    const page = await open("operator", RICH);
    await page.locator('[data-figure="Wallet"]').waitFor();
    const kept = await page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])");
    expect(kept).not.toContain("a-token-of-the-operator");
    await page.reload();
    await page.getByLabel("The pool's ADMIN_TOKEN").waitFor();
    await page.close();
  });
});

describe("on a phone", () => {
  it("rows are cards in which nothing is cut: hashes whole, with a link to the explorer and a way to copy", async () => {
    const page = await open("payments", RICH, { viewport: PHONE });
    const row = page.getByRole("region", { name: "Table: Payments" }).getByRole("row").nth(1);
    await row.waitFor();
    const link = row.getByRole("link", { name: /^0x[0-9a-f]{64}/ });
    expect(await link.getAttribute("href")).toBe(`https://explorer.example/tx/${RICH.payments.payments[0]?.tx}`);
    await row.getByRole("button", { name: "Copy: Transaction" }).waitFor();
    const cut = await page.evaluate(() =>
      // The row of headings is for readers of the screen alone here.
      [...document.querySelectorAll("main td, main tbody th, main dd")]
        .filter((cell) => cell.getBoundingClientRect().right > innerWidth || cell.scrollWidth > cell.clientWidth + 1)
        .map((cell) => cell.textContent),
    );
    expect(cut).toEqual([]);
    await page.close();
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EMPTY, RICH } from "../support/page-answers.ts";
import { LARGE } from "../support/page-answers-large.ts";
import { DESKTOP, faultsOf, PHONE, picture } from "./support/chromium.ts";
import { answerAs, NAMES, startPoolPage, type PoolPage } from "./support/pool-page.ts";

let pages: PoolPage;
beforeAll(async () => void (pages = await startPoolPage()));
afterAll(() => pages?.close());

const open: PoolPage["open"] = (...how) => pages.open(...how);

const LOOKS = [
  ["desktop, light", { viewport: DESKTOP, dark: false }],
  ["desktop, dark", { viewport: DESKTOP, dark: true }],
  ["phone, light", { viewport: PHONE, dark: false }],
  ["phone, dark", { viewport: PHONE, dark: true }],
] as const;
const STATES = [
  ["loading", null],
  ["empty", EMPTY],
  ["failing", "failing"],
  ["unreachable", "unreachable"],
  ["stale", { stale: RICH }],
  ["rich", RICH],
  ["large", LARGE],
] as const;
/** What is not there: a page, a miner, a block. */
const ABSENT = [
  ["no-page", "/nothing-here"],
  ["no-account", `/account/0x${"1".repeat(40)}`],
  ["no-block", `/block/1/0x${"2".repeat(64)}`],
  ["no-address", "/account/rig1"],
  ["no-height", `/block/latest/0x${"2".repeat(64)}`],
] as const;

describe.each(STATES)("every page, %s", (state, pool) => {
  const nothing = pool === null || pool === "failing" || pool === "unreachable";
  it.each(LOOKS)("is accessible, fits the screen and is what it says: %s", async (name, look) => {
    for (const page of NAMES) {
      const shown = await open(page, pool, look);
      if (pool !== null) await shown.waitForFunction(() => document.querySelector(".skeleton") === null);
      await picture(shown, `${state}-${page}-${name.replace(", ", "-")}`, true);
      expect(await faultsOf(shown), `${page}, ${state}`).toEqual([]);
      const text = (await shown.textContent("main")) ?? "";
      // E4: what may still come is a skeleton, what is known stands there at once.
      const skeletons = await shown.locator(".skeleton").count();
      expect(skeletons > 0, `${page}, ${state}`).toBe(pool === null);
      if (nothing) {
        expect(text, page).not.toMatch(/Nothing has been|Nobody|No block|No worker|No node|none yet|Live|NaN/);
        // Neither a hole nor a zero stands where nothing is known.
        expect(text, page).not.toMatch(/undefined|null|: 0|\b0 H/);
      }
      expect(text, page).not.toMatch(/NaN|undefined|Infinity|\[object/);
      await shown.close();
    }
  });
});

describe.each(ABSENT)("what is not there: %s", (kind, path) => {
  it.each(LOOKS)("is said in a page that is accessible and leads on: %s", async (name, look) => {
    const shown = await pages.openPath(path, RICH, look);
    await shown.waitForFunction(() => document.querySelector(".skeleton") === null);
    await picture(shown, `${kind}-${name.replace(", ", "-")}`, true);
    expect(await faultsOf(shown)).toEqual([]);
    expect(await shown.locator("main a").count()).toBeGreaterThan(0);
    expect(await shown.textContent("main")).not.toMatch(/NaN|undefined/);
    await shown.close();
  });
});

describe("a pool whose node is away", () => {
  it("is not called live, although its ledger answers, and what is wrong and since when stands above", async () => {
    const page = await open("overview", RICH);
    await page.getByText(/^Live, figures of/).waitFor();
    await page.close();
    const sick = await pages.context.newPage();
    await sick.route(/\/api\//, (route) => answerAs(RICH, route));
    const problem = "node main: no work for 2 min 10 s";
    await sick.route("**/health", (route) =>
      route.fulfill({ status: 503, json: { healthy: false, problems: [problem], notices: [] } }),
    );
    await sick.goto(`${pages.origin}/#/`);
    await sick.getByText(problem).waitFor();
    await sick.getByText(/^Figures of .* ago; the pool is in trouble$/).waitFor();
    expect(await sick.textContent("main")).not.toContain("Live");
    await sick.close();
  });
});

describe("a pool that works and has notices for its operator", () => {
  it("is live, and names them at the foot of the page, folded up", async () => {
    const page = await pages.context.newPage();
    await page.route(/\/api\//, (route) => answerAs(RICH, route));
    const notice = "node spare: misplaced: it is asked through another continent";
    await page.route("**/health", (route) =>
      route.fulfill({ json: { healthy: true, problems: [], notices: [notice, "another"] } }),
    );
    await page.goto(`${pages.origin}/#/`);
    await page.getByText(/^Live, figures of/).waitFor();
    expect(await page.getByText(notice).isVisible()).toBe(false);
    await page.getByText("For the operator: 2 notices").click();
    expect(await page.getByText(notice).isVisible()).toBe(true);
    await page.close();
  });
});

describe("a pool that does not answer", () => {
  it("is said to be in trouble on every page, and nothing of it live", async () => {
    for (const name of NAMES) {
      const page = await open(name, "failing");
      await page.getByText("the ledger has not answered for 3 minutes").waitFor();
      if (name === "operator") {
        await page.getByText("The pool says: the ledger cannot be read now.").waitFor();
        await page.close();
        continue;
      }
      if (name !== "connect") await page.getByText("The ledger cannot be read; trying again").first().waitFor();
      expect(await page.textContent("main"), name).toMatch(/Not known|unknown/);
      await page.close();
    }
  });
});

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import { chromium, type BrowserContext, type Page } from "playwright-core";

/** Everything that Chromium would otherwise do on its own goes to hosts that this machine does not reach. */
const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
export const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };
/** Where to put pictures of the pages, for people to look at. */
const SCREENSHOTS = process.env["EDGEPOOL_SCREENSHOTS"];
const AXE = readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A browser with a profile of its own. */
export interface TestBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** Starts the system's Chromium. */
export async function launchChromium(): Promise<TestBrowser> {
  const profile = await mkdtemp(join(tmpdir(), "edgepool-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium",
    args: ARGS,
    viewport: DESKTOP,
  });
  return {
    context,
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** Numbers that end on another line than they begin on, or whose unit of time, hashes or per cent does. Runs in the page. */
function tornNumbers(): string[] {
  const torn: string[] = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
    if (node.parentElement?.closest("pre")) continue;
    const units = /(?<!\w)\d[\d,.]*(?:\s(?:%|y|d|h|min|s|[kMGTPE]?H(?:\/s)?))?(?!\w)/g;
    for (const found of (node.nodeValue ?? "").matchAll(units)) {
      const range = document.createRange();
      range.setStart(node, found.index);
      range.setEnd(node, found.index + found[0].length);
      const lines = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
      if (lines.size > 1) torn.push(`"${found[0]}" of "${node.nodeValue}"`);
    }
  }
  return torn;
}

/** What is wrong with a page as it is shown now: violations of accessibility, pixels that it is wider than the screen, numbers over two lines. */
export async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(await AXE);
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  const tooWide = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
  return [
    ...violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
    ...(tooWide > 0 ? [`${tooWide} px wider than the screen`] : []),
    ...(await page.evaluate(tornNumbers)).map((text) => `torn: ${text}`),
  ];
}

/** Takes a picture where somebody wants to look at it. */
export async function picture(page: Page, name: string, fullPage = false): Promise<void> {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage });
}

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import type { Page, Route } from "playwright-core";
import { answerTo, BLOCK, LOGIN, type PageAnswers } from "../../support/page-answers.ts";
import { DESKTOP, launchChromium } from "./chromium.ts";

const DIST = join(import.meta.dirname, "../../../web/dist");
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const PATHS = {
  overview: "/",
  miners: "/miners",
  blocks: "/blocks",
  block: `/block/${BLOCK.height}/${BLOCK.hash}`,
  payments: "/payments",
  account: `/account/${LOGIN}`,
  connect: "/connect",
  operator: "/operator",
} as const;
export type PageName = keyof typeof PATHS;
export const NAMES = Object.keys(PATHS).filter((name): name is PageName => Object.hasOwn(PATHS, name));

/** How the pool answers. `stale`: with figures of five minutes ago; `unreachable`: not at all, and `null`: not yet. */
export type Pool = PageAnswers | "failing" | "unreachable" | { readonly stale: PageAnswers } | null;

const STALE_MS = 300_000;

export async function answerAs(pool: Pool, route: Route): Promise<void> {
  if (pool === null) return;
  if (pool === "unreachable") return await route.abort("connectionrefused");
  const { pathname } = new URL(route.request().url());
  const failing = pool === "failing";
  const problems = failing ? ["the ledger has not answered for 3 minutes"] : [];
  const health = { healthy: !failing, problems, notices: [] };
  if (pathname === "/health") return await route.fulfill({ status: failing ? 503 : 200, json: health });
  if (failing) return await route.fulfill({ status: 503, json: { error: "the ledger cannot be read now" } });
  const isStale = "stale" in pool;
  const answer = answerTo(isStale ? pool.stale : pool, pathname);
  if (answer === undefined) return await route.fulfill({ status: 404, json: { error: "not found" } });
  const [date, modified] = [0, isStale ? STALE_MS : 0].map((age) => new Date(Date.now() - age).toUTCString());
  await route.fulfill({ json: answer, headers: { date: date ?? "", "last-modified": modified ?? "" } });
}

/** How a page is looked at. */
interface Look {
  readonly viewport?: typeof DESKTOP;
  readonly dark?: boolean;
}

/** The page's files and a browser, without a pool. */
export interface PoolPage {
  readonly context: Awaited<ReturnType<typeof launchChromium>>["context"];
  readonly origin: string;
  /** Opens a page of the pool that answers like this. */
  open(name: PageName, pool: Pool, look?: Look): Promise<Page>;
  /** The same, by its path in the fragment. */
  openPath(path: string, pool: Pool, look?: Look): Promise<Page>;
  close(): Promise<void>;
}

/** Serves what `npm run build:web` has made to a Chromium. */
export async function startPoolPage(): Promise<PoolPage> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://page").pathname;
    readFile(join(DIST, path === "/" ? "index.html" : path)).then(
      (file) => response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "text/html" }).end(file),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server that listens on a port has one
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const browser = await launchChromium();
  const { context } = browser;
  const openPath = async (path: string, pool: Pool, { viewport = DESKTOP, dark = false }: Look = {}) => {
    const page = await context.newPage();
    await page.route(/\/(api\/|admin\/|health)/, (route) => answerAs(pool, route));
    await page.emulateMedia({ colorScheme: dark ? "dark" : "light", reducedMotion: "reduce" });
    await page.setViewportSize(viewport);
    await page.goto(`${origin}/#${path}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    return page;
  };
  return {
    context,
    origin,
    openPath,
    open: async (name, pool, look) => {
      const page = await openPath(PATHS[name], pool, look);
      if (name === "operator") {
        await page.getByLabel("The pool's ADMIN_TOKEN").fill("a-token-of-the-operator");
        await page.getByRole("button", { name: "Show the wallet" }).click();
      }
      return page;
    },
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}

/** A figure of a page with the line below it, and every space of them as a plain one. */
export async function figure(page: Page, name: string): Promise<string> {
  const found = page.locator(`[data-figure="${name}"]`);
  await found.waitFor();
  const text = await found.evaluate((value) => `${value.textContent} | ${value.nextElementSibling?.textContent}`);
  return text.replaceAll("\u00A0", " ");
}

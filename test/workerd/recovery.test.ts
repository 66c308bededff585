/** The embedded ledger goes back to a moment, as far as a workerd on this machine can play it: its storage keeps no past, so that Cloudflare's two calls are stood in for. */
import { reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { request } from "./stratum-client.ts";

const TOKEN = "a-token-of-the-operator";
const UNDO = "00000005-00000001-00000000-00000000000000000000000000000000";
const NOW = "00000004-00000001-00000000-00000000000000000000000000000000";
const PAST = new Date(Date.now() - 3_600_000).toISOString();

afterEach(() => reset());

async function admin(path: string, body?: unknown, settings: Record<string, unknown> = {}) {
  const init = {
    method: body === undefined ? "GET" : "POST",
    headers: { Authorization: `Bearer ${TOKEN}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const response = await request(`/admin/${path}`, init, { ADMIN_TOKEN: TOKEN, ...settings });
  return { status: response.status, body: await response.json<Record<string, unknown>>() };
}

const recover = (body: object, settings?: Record<string, unknown>) =>
  admin("recover", { note: "a test", ...body }, settings);
const books = () => env.EMBEDDED_REDIS.getByName("main");
const command = async (...args: string[]): Promise<unknown> => JSON.parse((await books().rest("", args)).body);
const auditText = async (): Promise<string> => JSON.stringify((await admin("audit")).body);

/** What a platform with a past would say. */
async function playThePast(prepare: (bookmark: string) => Promise<string>): Promise<void> {
  await runInDurableObject(books(), (_, { storage }) => {
    vi.spyOn(storage, "getBookmarkForTime").mockImplementation(async (at) => `bookmark of ${Number(at)}`);
    vi.spyOn(storage, "getCurrentBookmark").mockImplementation(async () => NOW);
    vi.spyOn(storage, "onNextSessionRestoreBookmark").mockImplementation(prepare);
  });
}

describe("a pool that is not paused, or whose books are elsewhere", () => {
  it("is not taken back, because something may be on its way to the books", async () => {
    expect(await recover({ at: PAST })).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining("pause the pool first") },
    });
    const upstash = { UPSTASH_REDIS_REST_URL: "https://x.upstash.io", UPSTASH_REDIS_REST_TOKEN: "a-token-of-upstash" };
    expect(await recover({ at: PAST }, upstash)).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining("backups of its own") },
    });
  });

  it("names what is wrong with a moment", async () => {
    for (const wrong of [
      {},
      { at: "yesterday" },
      { at: "2020-01-01T00:00:00Z" },
      { at: "2999-01-01T00:00:00Z" },
      { bookmark: "x" },
    ])
      expect(await recover(wrong)).toMatchObject({ status: 400, body: { ok: false } });
  });
});

describe("a pool that is paused", () => {
  beforeEach(async () => {
    await command("SET", "eth:payments:lock", "before");
    expect(await admin("pause", { paused: true, note: "a test" })).toMatchObject({ status: 200 });
  });

  it("stays as it is where its platform keeps no past, and says so", async () => {
    expect(await recover({ at: PAST })).toEqual({
      status: 501,
      body: { ok: false, message: expect.stringContaining("does not implement point-in-time recovery") },
    });
    expect(await command("GET", "eth:payments:lock")).toEqual({ result: "before" });
  });

  it("says how a recovery ended, in the log and by a status that a refusal does not have, where its end is not known", async () => {
    await playThePast(async () => UNDO);
    // An object that does not end: the call does not arrive.
    await runInDurableObject(books(), (object) => void vi.spyOn(object, "restart").mockImplementation(async () => {}));
    const message = expect.stringContaining("not begun anew");
    expect(await recover({ at: PAST })).toMatchObject({ status: 503, body: { ok: false, message, undo: UNDO } });
    expect(await auditText()).toMatch(new RegExp(`recovering.*${NOW}.*not begun anew.*recover.*not begun anew`));
  });

  it("has the way back in its log before anything is prepared", async () => {
    let logged = "";
    await playThePast(async () => {
      logged = JSON.stringify(await env.POOL_ADMIN.getByName("main").audit(null));
      throw new Error("storage is away");
    });
    expect(await recover({ at: PAST })).toMatchObject({ status: 501, body: { message: "storage is away" } });
    expect(logged).toMatch(new RegExp(`recovering.*${NOW}.*asked.*recover.*asked`));
    expect(await auditText()).toMatch(/recovering.*storage is away.*recover.*storage is away/);
  });

  it("asks for the state of that moment, writes the way back down, and begins anew", async () => {
    const asked: unknown[] = [];
    await playThePast(async (bookmark) => {
      asked.push(bookmark);
      return UNDO;
    });
    const bookmark = `bookmark of ${Date.parse(PAST)}`;
    expect(await recover({ at: PAST })).toMatchObject({ status: 200, body: { ok: true, bookmark, undo: UNDO } });
    expect(asked).toEqual([bookmark]);
    // Another object: what stood in for the platform is gone with the one before, and the books are read from its storage.
    expect(await recover({ bookmark: UNDO })).toMatchObject({ status: 501 });
    expect(await command("GET", "eth:payments:lock")).toEqual({ result: "before" });
    expect(await auditText()).toMatch(new RegExp(`recovering.*${UNDO}.*recover.*a test`));
    expect(await admin("pause")).toMatchObject({ body: { paused: true } });
  });
});

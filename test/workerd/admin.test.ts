import { createExecutionContext, reset, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import { OutboxStore } from "../../core/ledger/write-path/outbox-store.ts";
import { sqlPort } from "../../durable-objects/platform/sql-storage.ts";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import worker from "../../worker/index.ts";
import { loginOf, recordMaker } from "../support/ledger-records.ts";

const TOKEN = "operator-of-this-test-only";

afterEach(async () => {
  await reset();
});

async function call(
  path: string,
  body?: unknown,
  token: string | null = TOKEN,
  settings: object = { ADMIN_TOKEN: TOKEN },
) {
  const context = createExecutionContext();
  const request = new Request(`https://pool.example${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: token === null ? {} : { Authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const response = await worker.fetch(request, { ...env, ...settings }, context);
  await waitOnExecutionContext(context);
  const text = await response.text();
  return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
}

const { share } = recordMaker();
const books = () => embeddedPort(env.EMBEDDED_REDIS.getByName("main"), 120_000);

/** Two records for the operator in shard 0. */
async function leaveTwo(): Promise<void> {
  await runInDurableObject(env.SHARE_VERIFIER.getByName("shard-0"), (_object, state) => {
    const { unresolved } = new OutboxStore(sqlPort(state.storage));
    const reason = "too old";
    unresolved.keep(
      [
        { kind: "share", record: share(), reason },
        { kind: "share", record: share({ login: loginOf(2) }), reason },
      ],
      1_795_000_000_000,
    );
  });
}

describe("the operator's routes", () => {
  it("are not there without their secret, and closed without the token", async () => {
    expect((await call("/admin/unresolved", undefined, TOKEN, {})).status).toBe(404);
    expect((await call("/admin/unresolved", undefined, null)).status).toBe(401);
    expect((await call("/admin/unresolved", undefined, "operator-of-this-test-onlx")).status).toBe(401);
    expect((await call("/admin/reconcile", {}, "")).status).toBe(401);
    expect((await call("/admin/anything")).status).toBe(404);
  });

  // Case A5: "unresolved" 1, healthy, and no tool to credit it.
  it("list what an outage left, credit one and drop the other, and keep a log of it", async () => {
    await leaveTwo();
    const health = await call("/health");
    expect(health.status).toBe(503);
    expect(health.body.problems).toContainEqual(expect.stringContaining("npm run ledger -- unresolved list"));
    const { body } = await call("/admin/unresolved");
    expect(body.shards[0]).toMatchObject({
      shard: 0,
      unresolvedCount: 2,
      unresolved: [{ id: 1, kind: "share" }, { id: 2 }],
    });
    const credit = { action: "credit", ids: ["0:1", "0:9", "200:1"], note: "outage of the 3rd" };
    expect((await call("/admin/unresolved", credit)).body).toEqual({ settled: ["0:1"], notSettled: ["0:9", "200:1"] });
    const drop = { action: "drop", ids: ["0:2"], note: "a test rig" };
    expect((await call("/admin/unresolved", drop)).body).toEqual({ settled: ["0:2"], notSettled: [] });
    await expect
      .poll(async () => await books().command(["HGETALL", "eth:shares:roundCurrent"]), { timeout: 120_000 })
      .toEqual([loginOf(1), "2000000000"]);
    // Asked again, nothing is there to be credited.
    expect((await call("/admin/unresolved", credit)).body.settled).toEqual([]);
    expect((await call("/admin/unresolved")).body.shards[0]).toMatchObject({
      unresolvedCount: 0,
      settled: [
        { action: "drop", note: "a test rig" },
        { action: "credit", note: "outage of the 3rd", body: expect.stringContaining(loginOf(1)) },
      ],
    });
  });

  it.each([
    [{}],
    [{ action: "credit", ids: [], note: "x" }],
    [{ action: "pay", ids: ["0:1"], note: "x" }],
    [{ action: "drop", ids: ["0:1; DROP TABLE"], note: "x" }],
    [{ action: "drop", ids: ["0:1"] }],
  ])("refuse %o and say what is wanted", async (body) => {
    const answer = await call("/admin/unresolved", body);
    expect(answer.status).toBe(400);
    expect(answer.body.error).toContain('wanted { action: "credit" | "drop"');
  });

  it("send again what the ledger acknowledged in the last minute", async () => {
    expect((await call("/admin/reconcile", {})).body).toEqual({ records: 0 });
    expect((await call("/admin/audit")).body.entries).toMatchObject([{ command: "reconcile" }]);
  });
});

import { reset, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest";
import { CALLS_VERSION } from "../../core/deploy/calls-version.ts";
import { atHome } from "../../durable-objects/platform/at-home.ts";
import type { PoolAdmin } from "../../durable-objects/pool-admin.ts";
import { PoolObject } from "../../durable-objects/pool-object.ts";
import { ShareVerifier } from "../../durable-objects/share-verifier.ts";
import { replaceMethod } from "./replace-method.ts";
import { StratumClient } from "./stratum-client.ts";
import { useStratumPool } from "./stratum-pool.ts";

const LOGIN = `0x${"a1".repeat(20)}`;
const BRING_UP = "npm run deploy brings every script up, those that are called first";

useStratumPool([LOGIN]);
let serve: MockInstance<PoolObject["serve"]>;
beforeEach(() => {
  serve = vi.spyOn(PoolObject.prototype, "serve");
});
afterEach(reset);

const admin = () => atHome(env, env.POOL_ADMIN, "main");
// Awaited here: a promise of the runtime's that a test only looks at counts as unhandled.
const bans = async () => await admin().bans();
/** As a caller of any version speaks. */
async function callAs(version: number, method: string, parameters: readonly unknown[]): Promise<void> {
  await runInDurableObject(env.POOL_ADMIN.getByName("main"), (object: PoolAdmin) =>
    object.serve(version, method, parameters),
  );
}
const health = async () => {
  const response = await exports.default.fetch("https://pool.example/health");
  return { status: response.status, report: await response.json<{ problems: string[] }>() };
};
/** A version of the classes without a method: the runtime, or `serve`, answers as it does for one that never had it. */
const without = (prototype: object, method: string): void => replaceMethod(prototype, method, undefined);

describe("a call between objects", () => {
  it("says of which version it is, whoever calls", async () => {
    await bans();
    expect(serve).toHaveBeenCalledWith(CALLS_VERSION, "bans", []);
    const miner = await StratumClient.connect(`/stratum/${LOGIN}`);
    await miner.ask(`{"id":1,"method":"eth_submitLogin","params":["${LOGIN}"]}`, 1);
    expect(serve).toHaveBeenCalledWith(CALLS_VERSION, "subscribe", [LOGIN]);
  });

  it("is over with its answer: nothing of that has to be disposed of, by whomever it is handed on to", async () => {
    const miner = await StratumClient.connect(`/stratum/${LOGIN}`);
    await miner.ask(`{"id":1,"method":"eth_submitLogin","params":["${LOGIN}"]}`, 1);
    const work = await atHome(env, env.BLOCK_TEMPLATE, "main").snapshot();
    expect(work).not.toBeNull();
    // Such a member would have the runtime take a relay's answer, which is its root's, for one that holds resources.
    for (const answer of [work, await bans()]) expect(Object.getOwnPropertySymbols(Object(answer))).toEqual([]);
  });

  it("of a later version is refused by name, and nothing is done", async () => {
    await expect(callAs(CALLS_VERSION + 1, "begin", ["x", {}])).rejects.toThrow(
      `who calls speaks version ${CALLS_VERSION + 1} of the pool's calls, and this part knows ${CALLS_VERSION}: ${BRING_UP}`,
    );
    expect(await admin().audit(null)).toEqual([]);
  });

  it("that this version does not have is refused by name, and so is what only the runtime calls", async () => {
    for (const method of ["callOfTomorrow", "alarm", "constructor", "ctx"]) {
      await expect(callAs(CALLS_VERSION, method, [])).rejects.toThrow(
        "this part is of a version of the pool that does not know this call",
      );
    }
  });

  it("to an object of before there were versions is named, and not a riddle of the runtime's", async () => {
    // What workerd says; the test's runner has words of its own for it.
    const text = 'The RPC receiver does not implement the method "serve".';
    serve.mockRejectedValue(new TypeError(text));
    await expect(bans()).rejects.toThrow(
      `main of this class is of a version of the pool that does not know this call: ${BRING_UP}`,
    );
  });
});

describe("a pool whose other scripts are of an older version", () => {
  it("says so on /health, with what to do, and answers", async () => {
    without(ShareVerifier.prototype, "about");
    const { status, report } = await health();
    expect(status).toBe(503);
    expect(report.problems).toContainEqual(expect.stringMatching(/^shard 0 is of a version .* npm run deploy/));
  });
});

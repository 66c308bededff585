import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, vi } from "vitest";
import { guardNameOf } from "../../core/policy/client-guards.ts";
import type { JudgedShare, ShareSubmission } from "../../core/shares/share.ts";
import { replaceMethod } from "./replace-method.ts";
import { StratumClient } from "./stratum-client.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import { ShareVerifier } from "../../durable-objects/share-verifier.ts";

export const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
export const SEED = `0x${"00".repeat(32)}`;
/** The share target of difficulty 2^33, which wrangler.toml has. */
const TARGET = `0x00000000${"8".padEnd(56, "0")}`;
/** A network difficulty of 2^50: no share of a class needs more. */
const NETWORK_TARGET = `0x000000000000${"4".padEnd(52, "0")}`;

export const headerOf = (variant: number) => `0x${variant.toString(16).padStart(64, "0")}`;
export const workOf = (variant: number) => `["${headerOf(variant)}","${SEED}","${TARGET}"]`;

/** The world around the sessions: what the node says and what the verifier says, both changed by tests. */
export const world = {
  /** Null: the node has no work. */
  work: null as [string, string, string, string] | null,
  shares: [] as ShareSubmission[],
  verdict: async (_share: ShareSubmission): Promise<JudgedShare> => ({ kind: "accepted", block: false }),
};

/** Work with that header at height 100, or a higher one. */
export function nodeHas(variant: number, height = 100): void {
  world.work = [headerOf(variant), SEED, NETWORK_TARGET, `0x${height.toString(16)}`];
}

/**
 * Addresses that one of the sixteen guards has to do with. A busy machine brings the end of an earlier test's objects late, and it ends those of the
 * next test too, whatever their names: a guard then begins to count anew. One that has counted to its end has that behind it.
 */
export function clientsAtGuard(guard: number): [first: string, second: string] {
  const clients = Array.from({ length: 254 }, (_, at) => `198.51.100.${at + 1}`);
  const [first, second] = clients.filter((one) => guardNameOf(one) === `guard-${guard}`);
  if (first === undefined || second === undefined) throw new RangeError(`no two addresses for guard ${guard}`);
  return [first, second];
}

/** Brings what the node has now to every session, as a node's push would. */
export async function pushNodeWork(): Promise<void> {
  const answer = await env.BLOCK_TEMPLATE.getByName("main").notify(JSON.stringify(world.work));
  if (!answer.ok) throw new Error(answer.reason);
}

/**
 * The files that use this are about sessions: proofs of work are judged by `world.verdict`, everything else is the real thing.
 * @param known logins that the pool has credited before, besides {@link LOGIN}
 */
export function useStratumPool(known: readonly string[] = []): void {
  beforeEach(async () => {
    nodeHas(1);
    // The pool knows its miner; what becomes of strangers is told in unknown-logins.test.ts.
    for (const login of [LOGIN, ...known])
      await ledgerClient(env, loadConfig(env)).command(["HSET", `eth:miners:${login}`, "lastShare", 1]);
    world.shares = [];
    world.verdict = async () => ({ kind: "accepted", block: false });
    replaceMethod(ShareVerifier.prototype, "prepare", async () => undefined);
    const judge = async (share: ShareSubmission) => {
      world.shares.push(share);
      return await world.verdict(share);
    };
    replaceMethod(ShareVerifier.prototype, "submit", judge);
    replaceMethod(ShareVerifier.prototype, "submitAll", (shares: readonly ShareSubmission[]) =>
      Promise.all(shares.map(judge)),
    );
    vi.spyOn(globalThis, "fetch").mockImplementation(async () =>
      Response.json([
        world.work
          ? { jsonrpc: "2.0", id: 1, result: world.work }
          : { jsonrpc: "2.0", id: 1, error: { code: -32000, message: "no mining work available yet" } },
        { jsonrpc: "2.0", id: 2, result: null },
      ]),
    );
  });
  afterEach(async () => {
    vi.useRealTimers();
    await StratumClient.closeAll();
    await reset();
    vi.restoreAllMocks();
  });
}

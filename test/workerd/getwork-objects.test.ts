import { expect, it, vi } from "vitest";
import { BlockTemplate } from "../../durable-objects/block-template.ts";
import { EmbeddedRedis } from "../../durable-objects/embedded-redis.ts";
import { ExtranonceAllocator } from "../../durable-objects/extranonce-allocator.ts";
import { IpGuard } from "../../durable-objects/ip-guard.ts";
import { MinerSession } from "../../durable-objects/miner-session.ts";
import { PoolApi } from "../../durable-objects/pool-api.ts";
import { ShareVerifier } from "../../durable-objects/share-verifier.ts";
import { request } from "./stratum-client.ts";
import { headerOf, LOGIN, useStratumPool, workOf, world } from "./stratum-pool.ts";

useStratumPool();

const CLASSES = [BlockTemplate, EmbeddedRedis, ExtranonceAllocator, IpGuard, MinerSession, PoolApi, ShareVerifier];
const STRANGER = `0x${"57".repeat(20)}`;
const GET_WORK = '{"id":1,"method":"eth_getWork","params":[]}';
const submit = (serial: number) =>
  `{"id":1,"method":"eth_submitWork","params":["0x${serial.toString(16).padStart(16, "0")}","${headerOf(1)}","0x${"e".repeat(64)}"]}`;

/** Calls into Durable Objects from now on, by whomever: the names of their classes. Alarms are not the miner's doing. */
function woken(): string[] {
  const called: string[] = [];
  for (const { name, prototype } of CLASSES) {
    for (const method of Object.getOwnPropertyNames(prototype)) {
      const original: unknown = Object.getOwnPropertyDescriptor(prototype, method)?.value;
      if (method === "constructor" || method === "alarm" || typeof original !== "function") continue;
      vi.spyOn(Object(prototype), method).mockImplementation(function counted(this: unknown, ...parameters: unknown[]) {
        called.push(name);
        return Reflect.apply(original, this, parameters);
      });
    }
  }
  return called;
}

/** A rig that asks twice a second as ethminer does. @returns for each POST which objects it woke, the first one not told */
async function asks(login: string, ip: string, bodies: readonly string[], answer: string): Promise<string[][]> {
  const called = woken();
  const startMs = Date.now();
  const each: string[][] = [];
  for (const [at, body] of bodies.entries()) {
    vi.useFakeTimers({ toFake: ["Date"], now: startMs + at * 500 });
    called.length = 0;
    const response = await request(`/${login}`, { method: "POST", body, headers: { "CF-Connecting-IP": ip } });
    expect(await response.text()).toContain(answer);
    each.push([...called]);
  }
  return each.slice(1);
}

const times = <T>(count: number, of: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => of(at));

/** How many of the POSTs woke an object of that class. */
const count = (each: readonly string[][], name: string) => each.filter((one) => one.includes(name)).length;

/*
 * A pool that has just begun has other things to do beside the POSTs: its template tells the books of the node, the verifier of the height,
 * and the session of the work, once each. Hence at most 2 where a POST has no part in it.
 */

it("eth_getWork of a known login wakes its session, and that wakes nobody", async () => {
  const asked = times(12, () => GET_WORK);
  const each = await asks(LOGIN, "198.51.100.1", asked, workOf(1));
  expect(count(each, "MinerSession")).toBe(11);
  for (const name of ["EmbeddedRedis", "ShareVerifier"]) expect(count(each, name), name).toBeLessThanOrEqual(2);
  for (const name of ["IpGuard", "BlockTemplate", "ExtranonceAllocator", "PoolApi"])
    expect(count(each, name), name).toBe(0);
});

it("eth_submitWork of a known login wakes its session and the verifier, and nobody else", async () => {
  const each = await asks(LOGIN, "198.51.100.2", times(12, submit), '"result":true');
  for (const name of ["MinerSession", "ShareVerifier"]) expect(count(each, name), name).toBe(11);
  // Valid shares are told to it in hundreds.
  for (const name of ["IpGuard", "EmbeddedRedis"]) expect(count(each, name), name).toBeLessThanOrEqual(2);
  for (const name of ["BlockTemplate", "ExtranonceAllocator", "PoolApi"]) expect(count(each, name), name).toBe(0);
});

it("eth_getWork of a stranger wakes the template, asked for all strangers of the moment, and nobody else", async () => {
  const asked = times(12, () => GET_WORK);
  const each = await asks(STRANGER, "198.51.100.3", asked, workOf(1));
  expect(count(each, "BlockTemplate")).toBeLessThanOrEqual(6);
  for (const name of ["EmbeddedRedis", "ShareVerifier"]) expect(count(each, name), name).toBeLessThanOrEqual(2);
  for (const name of ["IpGuard", "MinerSession", "ExtranonceAllocator", "PoolApi"])
    expect(count(each, name), name).toBe(0);
});

it("eth_submitWork of a stranger wakes the verifier, and the guard once, which is told of junk", async () => {
  world.verdict = async () => ({ kind: "invalid" });
  const each = await asks(STRANGER, "198.51.100.4", times(3, submit), '"result":false');
  expect(count(each, "ShareVerifier")).toBe(2);
  expect(each.map((one) => one.filter((name) => name === "IpGuard").length)).toEqual([1, 1]);
  for (const name of ["MinerSession", "ExtranonceAllocator", "PoolApi"]) expect(count(each, name), name).toBe(0);
});

const banned = async (body: string) =>
  await (
    await request(`/${STRANGER}`, { method: "POST", body, headers: { "CF-Connecting-IP": "198.51.100.5" } })
  ).text();

it("a stranger that is banned for what it sends is told so with the next POST", async () => {
  world.verdict = async () => ({ kind: "invalid" });
  vi.spyOn(IpGuard.prototype, "report").mockResolvedValue({ allowed: false, reason: "banned", reportAt: 0 });
  expect(await banned(GET_WORK)).toContain(workOf(1));
  await banned(submit(1));
  vi.spyOn(IpGuard.prototype, "admit").mockResolvedValue({ allowed: false, reason: "banned" });
  expect(await banned(GET_WORK)).not.toContain(workOf(1));
});

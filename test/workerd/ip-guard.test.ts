import { evictDurableObject, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { GuardClient } from "../../durable-objects/platform/guard-client.ts";
import { IpGuard } from "../../durable-objects/ip-guard.ts";

const IP = "192.0.2.1";
const guard = () => env.IP_GUARD.getByName(IP);

afterEach(async () => {
  vi.restoreAllMocks();
  await reset();
});

describe("the guard of an IP", () => {
  it("counts what sessions report, by kind", async () => {
    for (const event of ["malformed", "validShare", "staleShare", "invalidShare", "ban"] as const) {
      await guard().report(event);
    }
    expect(await guard().counts()).toEqual({ malformed: 1, valid: 1, invalid: 1, stale: 1, bans: 1 });
  });

  it("keeps what tells against a client over an eviction", async () => {
    await guard().report("validShare", 3);
    await guard().report("invalidShare");
    await guard().report("ban");
    await evictDurableObject(guard());
    expect(await guard().counts()).toEqual({ malformed: 0, valid: 3, invalid: 1, stale: 0, bans: 1 });
  });

  it("refuses from the configured ratio on, and counts afresh afterwards", async () => {
    await guard().report("validShare", 20);
    expect((await guard().report("invalidShare", 9)).allowed).toBe(true);
    expect(await guard().report("invalidShare")).toEqual({
      allowed: false,
      reason: "High rate of invalid shares",
      watch: false,
    });
    expect((await guard().report("validShare")).allowed).toBe(true);
  });
});

describe("the guard's client", () => {
  it("reports valid shares in bundles while a client has shown no invalid one, and the rest when it leaves", async () => {
    const report = vi.spyOn(IpGuard.prototype, "report");
    const client = new GuardClient(env);
    for (let share = 0; share < 40; share++) await client.report(IP, "validShare");
    expect(report.mock.calls).toEqual([["validShare", 32]]);
    await client.flush(IP);
    expect(report.mock.calls).toEqual([
      ["validShare", 32],
      ["validShare", 8],
    ]);
  });

  it("reports one by one once there was an invalid one", async () => {
    const report = vi.spyOn(IpGuard.prototype, "report");
    const client = new GuardClient(env);
    await client.report(IP, "validShare");
    await client.report(IP, "invalidShare");
    await client.report(IP, "validShare");
    expect(report.mock.calls).toEqual([
      ["validShare", 1],
      ["invalidShare", 1],
      ["validShare", 1],
    ]);
  });

  it("bundles stale shares even then, and asks for admission once in ten seconds", async () => {
    const [report, admit] = [vi.spyOn(IpGuard.prototype, "report"), vi.spyOn(IpGuard.prototype, "admit")];
    const client = new GuardClient(env);
    await client.report(IP, "invalidShare");
    for (let share = 0; share < 32; share++) await client.report(IP, "staleShare");
    expect(report.mock.calls).toEqual([
      ["invalidShare", 1],
      ["staleShare", 32],
    ]);
    for (let poll = 0; poll < 20; poll++) await client.admit(IP);
    expect(admit).toHaveBeenCalledTimes(1);
  });

  it("refuses nobody while the guard is away", async () => {
    vi.spyOn(IpGuard.prototype, "report").mockRejectedValue(new Error("away"));
    vi.spyOn(IpGuard.prototype, "admit").mockRejectedValue(new Error("away"));
    const client = new GuardClient(env);
    expect((await client.admit(IP)).allowed).toBe(true);
    expect((await client.report(IP, "ban")).allowed).toBe(true);
  });
});

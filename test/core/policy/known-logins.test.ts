import { describe, expect, it } from "vitest";
import { type RedisCommand, type RedisPort, RedisUnreachableError } from "../../../core/ledger/contract/redis-port.ts";
import { KnownLogins } from "../../../core/policy/known-logins.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const IP = "192.0.2.1";
const login = (n: number) => `0x${n.toString(16).padStart(40, "0")}`;

/** A ledger that knows these logins, and what it was asked. */
class Rig {
  readonly clock = new VirtualClock();
  readonly asked: RedisCommand[] = [];
  readonly credited = new Set<string>();
  answer: (command: RedisCommand) => Promise<number> = async ([, key]) => (this.credited.has(String(key)) ? 1 : 0);
  readonly logins = new KnownLogins(this.clock);
  readonly redis: RedisPort = {
    command: async (command) => {
      this.asked.push(command);
      return await this.answer(command);
    },
    pipeline: async () => [],
  };

  async find(name: string, ip = IP) {
    return await this.logins.find(() => this.redis, "etc", name, ip, 5_000);
  }
}

describe("a login", () => {
  it("is looked for once: for good where it was credited, for a while where it was not", async () => {
    const rig = new Rig();
    rig.credited.add(`etc:miners:${login(1)}`);
    for (let time = 0; time < 3; time++) {
      expect(await rig.find(login(1))).toBe("known");
      expect(await rig.find(login(2))).toBe("unknown");
    }
    expect(rig.asked).toEqual([
      ["EXISTS", `etc:miners:${login(1)}`],
      ["EXISTS", `etc:miners:${login(2)}`],
    ]);
    rig.credited.add(`etc:miners:${login(2)}`);
    await rig.clock.pass(5_000);
    expect(await rig.find(login(2))).toBe("known");
    expect(await rig.find(login(1))).toBe("known");
    expect(rig.asked).toHaveLength(3);
  });

  it("is looked for on behalf of a client so many times, then now and then; others are not kept from asking", async () => {
    const rig = new Rig();
    const found = [];
    for (let n = 0; n < 1_000; n++) found.push(await rig.find(login(n)));
    expect(found.filter((what) => what === "unknown")).toHaveLength(120);
    expect(rig.asked).toHaveLength(120);
    expect(await rig.find(login(5_000), "192.0.2.2")).toBe("unknown");
    await rig.clock.pass(1_000);
    expect([await rig.find(login(5_001)), await rig.find(login(5_002)), await rig.find(login(5_003))]).toEqual([
      "unknown",
      "unknown",
      "unasked",
    ]);
    // What is remembered costs no question.
    expect(await rig.find(login(0))).toBe("unknown");
  });

  it("is asked for once, however many sockets name it at the same time", async () => {
    const rig = new Rig();
    const { promise, resolve } = Promise.withResolvers<number>();
    rig.answer = () => promise;
    const found = Array.from({ length: 5 }, () => rig.find(login(1)));
    await rig.clock.pass(1);
    expect(rig.asked).toHaveLength(1);
    resolve(1);
    expect(await Promise.all(found)).toEqual(Array.from({ length: 5 }, () => "known"));
    expect(rig.asked).toHaveLength(1);
  });

  it("is known by one question where a fleet behind one address comes back at once, and is bounded in strangers afterwards as before", async () => {
    const rig = new Rig();
    rig.answer = async ([, key]) => {
      await new Promise<void>((resolve) => void rig.clock.after(20, resolve));
      return rig.credited.has(String(key)) ? 1 : 0;
    };
    const fleet = Array.from({ length: 300 }, (_, n) => login(n));
    for (const name of fleet) rig.credited.add(`etc:miners:${name}`);
    const found = fleet.flatMap((name) => Array.from({ length: 3 }, () => rig.find(name)));
    await rig.clock.pass(900);
    expect(new Set(await Promise.all(found))).toEqual(new Set(["known"]));
    expect(rig.asked).toHaveLength(300);
    const strangers = Array.from({ length: 300 }, (_, n) => rig.find(login(10_000 + n)));
    await rig.clock.pass(900);
    expect((await Promise.all(strangers)).filter((what) => what === "unknown")).toHaveLength(120);
    expect(rig.asked).toHaveLength(420);
  });

  it("is asked for anew where the request that asked is gone with its client", async () => {
    const rig = new Rig();
    rig.answer = () => new Promise<number>(() => undefined);
    void rig.find(login(1));
    rig.answer = async () => 0;
    const second = rig.find(login(1));
    await rig.clock.pass(250);
    expect(await second).toBe("unknown");
    expect(rig.asked).toHaveLength(2);
  });

  it("counts as known while the ledger fails or is slow, which is asked again after a while", async () => {
    for (const answer of [
      () => Promise.reject(new RedisUnreachableError("away", "unknown")),
      () => new Promise<number>(() => undefined),
    ]) {
      const rig = new Rig();
      rig.answer = answer;
      const found = rig.find(login(1));
      await rig.clock.pass(1_000);
      expect(await found).toBe("known");
      expect(await rig.find(login(2))).toBe("known");
      expect(rig.asked).toHaveLength(1);
      rig.answer = async () => 0;
      await rig.clock.pass(5_000);
      expect(await rig.find(login(1))).toBe("unknown");
    }
  });
});

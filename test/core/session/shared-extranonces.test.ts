import { describe, expect, it } from "vitest";
import { blockSize, ExtranonceLender, LEASE_MS, RESUME_MS } from "../../../core/session/extranonce-lender.ts";
import { ExtranoncePool, type LenderPort } from "../../../core/session/extranonce-pool.ts";
import { type Lent, SharedExtranonces } from "../../../core/session/shared-extranonces.ts";
import { classOfPrefix } from "../../../core/shares/difficulty-classes.ts";
import { extranonceHex } from "../../../core/stratum/extranonce.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { settled, VirtualClock } from "../../support/virtual-clock.ts";

/** The pool's lender, and one isolate whose sessions share what it lends. */
function world() {
  const clock = new VirtualClock();
  const open = new ExtranonceLender(
    nodeSql(),
    () => clock.nowMs(),
    () => 0,
  );
  const calls = { lend: 0 };
  const lender: LenderPort = {
    lend: async (holder, wanted, count) => (calls.lend++, open.lend(holder, wanted, count)),
    renew: async (holder, firsts) => open.renew(holder, firsts),
    release: async (holder, firsts) => open.release(holder, firsts),
    transfer: async (from, to, first) => open.transfer(from, to, first),
    takeOver: async (session, to, extranonce) => open.takeOver(session, to, extranonce),
    resume: async (session, extranonce, owner) => open.resume(session, extranonce, owner),
    forget: async (session) => open.forget(session),
  };
  const shared = new SharedExtranonces("an isolate", clock);
  let sessions = 0;
  const take = async (wanted: Parameters<typeof shared.take>[1] = 0, from = lender): Promise<Lent | null> =>
    await shared.take(`session ${++sessions}`, wanted, from);
  const login = (name: string, inUse: ReadonlySet<string>) => {
    let kept: unknown;
    const port = { get: () => structuredClone(kept), set: (value: unknown) => void (kept = structuredClone(value)) };
    return new ExtranoncePool(name, lender, port, clock, () => inUse);
  };
  return { clock, open, calls, lender, shared, take, login };
}

const valueOf = (lent: Lent | null) => lent?.extranonce ?? 0;

describe("extranonces that sessions without an object share", () => {
  it("are all different, and thirty-one of them cost one block", async () => {
    const { open, take, calls } = world();
    const taken = new Set<number>();
    for (let n = 0; n < 31; n++) taken.add(valueOf(await take()));
    expect([taken.size, open.count(), calls.lend]).toEqual([31, 1, 1]);
    for (let n = 0; n < 400; n++) taken.add(valueOf(await take()));
    expect(taken.size).toBe(431);
    expect(calls.lend).toBeLessThan(6);
  });

  it("are of the class that a session wants, or of the nearest that there is; a rare one is used again by who comes next", async () => {
    const { open, take, shared, calls } = world();
    const hard = await take(8);
    expect(classOfPrefix(valueOf(hard), 1)).toBe(8);
    for (let n = 0; n < 50; n++) {
      if (hard) shared.left(hard);
      expect(shared.resume(hard?.session ?? "", valueOf(hard))).toEqual(hard);
    }
    expect([calls.lend, open.count()]).toEqual([1, 1]);
    open.lend("somebody", 8, 2_000);
    expect(classOfPrefix(valueOf(await take(8)), 1)).toBe(6);
  });

  it("are not used up by crowds that come and go", async () => {
    const { open, take, shared } = world();
    for (let n = 0; n < 5_000; n++) {
      const lent = await take();
      if (lent) shared.left(lent);
    }
    expect(open.count()).toBeLessThanOrEqual(32);
  });

  it("are asked for once where many come at a time, and by the next where the one who asked has gone", async () => {
    const { clock, take, lender, calls } = world();
    const gone = take(0, { ...lender, lend: () => new Promise(() => undefined) });
    const others = Array.from({ length: 20 }, () => take());
    await settled();
    expect(calls.lend).toBe(0);
    await clock.pass(300);
    expect(new Set((await Promise.all(others)).map(valueOf)).size).toBe(20);
    await expect(Promise.race([gone, Promise.resolve("nothing")])).resolves.toBe("nothing");
  });

  it("cost a few questions, each for more, where four hundred come in one moment and the answer takes its time", async () => {
    const { clock, take, lender, calls } = world();
    const slow: LenderPort = {
      ...lender,
      lend: async (holder, wanted, count) => {
        const lent = await lender.lend(holder, wanted, count);
        await new Promise<void>((resolve) => void clock.after(400, resolve));
        return lent;
      },
    };
    const taken = Array.from({ length: 400 }, () => take(0, slow));
    await clock.pass(10_000);
    expect(new Set((await Promise.all(taken)).map(valueOf)).size).toBe(400);
    expect(calls.lend).toBeLessThan(16);
  });

  it("are none while the lender is away, and there again with it", async () => {
    const { take, lender } = world();
    expect(await take(-6, { ...lender, lend: async () => [] })).toBeNull();
    expect(await take(-6)).not.toBeNull();
  });

  it("come from a lease that outlasts the sessions that begin with it", async () => {
    const { clock, open, take } = world();
    const early = await take();
    await clock.pass(LEASE_MS / 2 - 1);
    const last = await take();
    await clock.pass(30 * 60_000);
    expect(open.takeOver(last?.session ?? "", "a login", valueOf(last))).not.toBeNull();
    expect(blockSize(0) + valueOf(early)).toBeLessThanOrEqual(valueOf(await take()));
  });
});

describe("a shared extranonce that a login takes over", () => {
  it("is given back when its session goes, also where another session of the login stays: a thousand that come and go leave few", async () => {
    const { clock, open, take, login } = world();
    const sessions = new Set<string>();
    const pool = login("a login", sessions);
    const bring = async () => {
      const lent = await take();
      const hex = extranonceHex(valueOf(lent));
      sessions.add(hex);
      expect(await pool.adopt(hex, lent?.session ?? "", false, null)).toBe(hex);
      return { hex, session: lent?.session ?? "" };
    };
    await bring();
    let last = { hex: "", session: "" };
    for (let n = 0; n < 1_000; n++) {
      last = await bring();
      sessions.delete(last.hex);
      await pool.left(last.hex);
      await clock.pass(10_000);
    }
    expect(open.count()).toBeLessThan(150);
    // Who comes back within two minutes has it again.
    expect(await pool.take(0, { extranonce: last.hex, session: last.session }, () => undefined)).toBe(last.hex);
    await clock.pass(LEASE_MS);
    expect(open.count()).toBeLessThan(150);
  });

  it("is the login's alone, as long as it renews it, and its block is lent to nobody else until then", async () => {
    const { clock, open, take, login } = world();
    const [mine, other] = [await take(2), await take(2)];
    const hex = extranonceHex(valueOf(mine));
    const sessions = new Set([hex]);
    const pool = login("a login", sessions);
    expect(await pool.adopt(hex, mine?.session ?? "", false, null)).toBe(hex);
    expect(open.takeOver(mine?.session ?? "", "another login", valueOf(mine))).toBeNull();
    // That a session has had it, only who carries it can know.
    expect(open.transfer(other?.session ?? "", "another login", valueOf(other))).toBeNull();
    expect(open.takeOver(other?.session ?? "", "another login", valueOf(other))).not.toBeNull();
    for (let time = 0; time < 4; time++) {
      await clock.pass(LEASE_MS * 0.6);
      expect(await pool.renew()).toEqual(new Set());
    }
    // All the rest of the class may be lent again, but not what is around it.
    expect(open.lend("somebody", 2, 8_192)).toHaveLength(8_191);
    expect(await pool.renew()).toEqual(new Set());
    sessions.clear();
    await pool.left(hex);
    await clock.pass(RESUME_MS + 1);
    expect(open.lend("somebody", 2, 2)).toHaveLength(1);
  });

  it("may still be had when its block has run out, unless that is another's by then", async () => {
    const { clock, open, take } = world();
    const [mine, late] = [await take(8), await take(8)];
    await clock.pass(LEASE_MS + 1);
    expect(open.takeOver(mine?.session ?? "", "a login", valueOf(mine))).not.toBeNull();
    open.lend("somebody", 8, 2_000);
    expect(open.takeOver(late?.session ?? "", "a login", valueOf(late))).toBeNull();
  });

  it("serves one session of the login at a time, and no nonces beside it", async () => {
    const { take, login } = world();
    const mine = await take();
    const hex = extranonceHex(valueOf(mine));
    const inUse = new Set([hex]);
    const pool = login("a login", inUse);
    await pool.adopt(hex, mine?.session ?? "", false, null);
    const second = (await pool.take(0, null, () => undefined)) ?? "";
    expect(Math.abs(Number.parseInt(second, 16) - valueOf(mine))).toBeGreaterThanOrEqual(blockSize(0) - 1);
  });

  it("is had again by its session, whichever object or Worker it comes back to, and by no other", async () => {
    const { open, take, login } = world();
    const [mine, other] = [await take(), await take()];
    const pool = login("a login", new Set());
    await pool.adopt(extranonceHex(valueOf(mine)), mine?.session ?? "", false, null);
    expect(open.resume(mine?.session ?? "", valueOf(mine), null)).toBe(true);
    expect(open.resume("another session", valueOf(mine), "a login")).toBe(true);
    expect(open.resume("another session", valueOf(mine), null)).toBe(false);
    expect(open.resume(other?.session ?? "", valueOf(other), "a login")).toBe(false);
  });

  it("may be of a class whose blocks are single ones, and is then a block of the login's", async () => {
    const { open, take, login } = world();
    const mine = await take(-6);
    const hex = extranonceHex(valueOf(mine));
    expect(await login("a login", new Set([hex])).adopt(hex, mine?.session ?? "", false, null)).toBe(hex);
    expect(open.renew("a login", [valueOf(mine)])).toEqual([]);
  });

  it("is never the first of a block: that would be all of it", async () => {
    const { open, take } = world();
    const first = valueOf(await take()) - 1;
    expect(open.takeOver("session 1", "a login", first)).toBeNull();
  });
});

import { beforeEach, describe, expect, it } from "vitest";
import { EXTRANONCES, LEASE_MS, RESUME_MS } from "../../../core/stratum/extranonce.ts";
import { ExtranonceLeases } from "../../../core/stratum/extranonce-leases.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";

let next: number | undefined;
let sql: ReturnType<typeof nodeSql>;
const open = () => new ExtranonceLeases({ sql, next: { load: () => next, save: (value) => void (next = value) } });

beforeEach(() => {
  next = undefined;
  sql = nodeSql();
});

describe("leases of extranonces", () => {
  it("hold over a restart", () => {
    const value = open().acquire("rig", 0);
    expect(open().acquire("other", 1)).not.toBe(value);
    expect(open().acquire("rig", 2)).toBe(value);
  });

  it("run out for a session that vanished, and a returned value comes back as late as can be", () => {
    const leases = open();
    expect(leases.acquire("gone", 0)).toBe(0);
    expect(leases.acquire("other", LEASE_MS + 1)).toBe(1);
    next = EXTRANONCES - 1;
    expect(leases.acquire("last", LEASE_MS + 1)).toBe(EXTRANONCES - 1);
    expect(leases.acquire("again", LEASE_MS + 1)).toBe(0);
  });

  it("are kept by renewing them, and those that somebody else has by now are named", () => {
    const leases = open();
    const value = leases.acquire("rig", 0);
    expect(
      leases.renew(
        [
          { value, session: "rig" },
          { value: 7, session: "rig" },
        ],
        LEASE_MS - 1,
      ),
    ).toEqual([7]);
    next = value;
    expect(leases.acquire("other", LEASE_MS + 1)).not.toBe(value);
  });

  it("are kept for a while for a session that gave one back, and then are free", () => {
    const leases = open();
    const value = leases.acquire("rig", 0);
    leases.release([{ value, session: "rig" }], 0);
    next = value;
    expect(leases.acquire("soon", RESUME_MS - 1)).not.toBe(value);
    next = value;
    expect(leases.acquire("late", RESUME_MS + 1)).toBe(value);
  });

  it("skip what live sessions hold", () => {
    const leases = open();
    leases.acquire("a", 0);
    leases.acquire("b", 0);
    next = 0;
    expect(leases.acquire("c", 1)).toBe(2);
  });
});

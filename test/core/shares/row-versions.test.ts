import { describe, expect, it } from "vitest";
import { shardProblems } from "../../../core/health/shard-health.ts";
import { encodeRecords } from "../../../core/ledger/contract/record-codec.ts";
import { OutboxStore, type StoreEvents } from "../../../core/ledger/write-path/outbox-store.ts";
import type { UnreadableRow } from "../../../core/ledger/write-path/unreadable-rows.ts";
import type { SqlPort } from "../../../core/sql-port.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { createLedgerWriter } from "../../../core/ledger/write-path/ledger-writer.ts";
import { embeddedLedger } from "../../support/embedded-ledger.ts";
import { FaultyLedger } from "../../support/faulty-ledger.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { blockVerifier } from "./found-block.ts";
import { Life } from "./life.ts";
import { makeBlock, makeRecord } from "./make-record.ts";

/** The tables as the version before rows had versions made them. */
const OLD_TABLES = [
  "CREATE TABLE outbox (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, uncertain INTEGER NOT NULL, shares INTEGER NOT NULL, body TEXT NOT NULL)",
  "CREATE TABLE held (id INTEGER PRIMARY KEY, stage TEXT NOT NULL, body TEXT NOT NULL)",
  "CREATE TABLE unresolved (id INTEGER PRIMARY KEY, reason TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL)",
  "CREATE TABLE outbox_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
];

function oldOutbox(sql: SqlPort, id: number, body: string, kind = "shares"): void {
  sql.exec("INSERT INTO outbox (id, kind, uncertain, shares, body) VALUES (?, ?, 0, 1, ?)", id, kind, body);
}

function life(sql: SqlPort) {
  const clock = new VirtualClock();
  const ledger = new FaultyLedger(clock, () => ({ kind: "none", delayMs: 10 }));
  return { clock, ledger, life: new Life(sql, ledger, clock, () => 0.5) };
}

/** As each start of the object does. */
const open = (sql: SqlPort, events?: StoreEvents) => new OutboxStore(sql, events);

const body = (proof: number) => encodeRecords([makeRecord(1, proof, proof)]);

describe("rows of other versions", () => {
  it("of before rows had versions are read, in every table", async () => {
    const sql = nodeSql();
    for (const table of OLD_TABLES) sql.exec(table);
    oldOutbox(sql, 4, body(1));
    sql.exec("INSERT INTO outbox_state VALUES ('attempted', 4)");
    sql.exec("INSERT INTO held VALUES (1, 'sealed', ?)", encodeRecords(makeBlock(2, 2, 2)));
    sql.exec("INSERT INTO unresolved VALUES (1, 'too old', 5, ?)", encodeRecords(makeRecord(3, 3, 3)));
    const { clock, ledger, life: now } = life(sql);
    await clock.pass(1_000);
    expect(ledger.credits).toHaveLength(1);
    expect(now.store.held().map(({ stage }) => stage)).toEqual(["sealed"]);
    expect(now.store.unresolved.find(1)?.record).toEqual(makeRecord(3, 3, 3));
    expect(now.store.unreadable.summary().count).toBe(0);
  });

  // Case A7: the constructor of the shard threw for ever.
  it("that cannot be read are set aside, counted and named, and stop nothing", async () => {
    const sql = nodeSql();
    const first = new OutboxStore(sql);
    first.hold("claimed", makeBlock(1, 1, 1));
    sql.exec("INSERT INTO held (stage, body) VALUES ('weighed', ?)", encodeRecords(makeBlock(1, 2, 2)));
    sql.exec("INSERT INTO held (stage, body) VALUES ('found', '{\"login\":\"0x0\"}')");
    oldOutbox(sql, 1, body(3));
    oldOutbox(sql, 2, "not even JSON");
    oldOutbox(sql, 3, body(4), "uncles");
    sql.exec("INSERT INTO outbox (id, kind, uncertain, shares, body, version) VALUES (4, 'shares', 0, 1, 'zip', 2)");
    oldOutbox(sql, 5, body(5));
    const told: UnreadableRow[] = [];
    const store = new OutboxStore(sql, { onUnreadable: (row) => void told.push(row) });
    expect(store.held()).toHaveLength(1);
    expect(told.map(({ source }) => source)).toEqual(["outbox", "outbox", "outbox", "held", "held"]);
    expect(told.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(["version 2, and this pool knows 1", "unknown stage weighed"]),
    );
    const { clock, ledger, life: now } = life(sql);
    await clock.pass(1_000);
    expect(ledger.credits).toHaveLength(2);
    expect(now.store.unreadable.summary().count).toBe(5);
  });

  it("are taken up by the version that can read them, where they were left, and told once", async () => {
    const sql = nodeSql();
    const told: UnreadableRow[] = [];
    const events = { onUnreadable: (row: UnreadableRow) => void told.push(row) };
    const made = new OutboxStore(sql, events);
    oldOutbox(sql, 1, body(1));
    oldOutbox(sql, 2, body(2));
    made.hold("sealed", makeBlock(3, 3, 3), true);
    sql.exec("UPDATE outbox SET version = 9 WHERE id = 2");
    sql.exec("UPDATE held SET version = 9");
    // Rolled back to a version that knows less.
    open(sql, events);
    const back = new OutboxStore(sql, events);
    expect(told).toHaveLength(2);
    expect(back.held()).toEqual([]);
    // And forward again.
    sql.exec("UPDATE unreadable SET body = replace(body, '\"version\":9', '\"version\":1')");
    const { clock, ledger, life: now } = life(sql);
    await clock.pass(1_000);
    expect(ledger.credits).toHaveLength(2);
    expect(now.store.held()).toMatchObject([{ stage: "sealed", retry: true, record: makeBlock(3, 3, 3) }]);
    expect(now.store.unreadable.summary()).toEqual({ count: 0, reasons: [] });
  });

  it("that an earlier attempt may have written are still uncertain when they are taken up", async () => {
    const sql = nodeSql();
    open(sql);
    oldOutbox(sql, 1, body(1));
    sql.exec("UPDATE outbox SET version = 9");
    sql.exec("INSERT INTO outbox_state VALUES ('attempted', 1)");
    open(sql);
    sql.exec("UPDATE unreadable SET body = replace(body, '\"version\":9', '\"version\":1')");
    expect(new OutboxStore(sql).entries(5, null)).toEqual([{ id: 2, kind: "shares", uncertain: true, shares: 1 }]);
  });

  it("that a later version has set aside stay as they are, are counted, and stop nothing", () => {
    const sql = nodeSql();
    open(sql);
    const keep = (source: string, text: string, version: number) =>
      sql.exec(
        "INSERT INTO unreadable (source, reason, body, version) VALUES (?, 'later', ?, ?)",
        source,
        text,
        version,
      );
    const row = JSON.stringify({ id: 1, kind: "shares", uncertain: 0, shares: 1, body: body(1), version: 1 });
    keep("held", "zip:0a0b", 2);
    keep("outbox", row, 2);
    keep("outbox", "zip:0a0b", 1);
    keep("settlement", row, 1);
    const before = sql.exec("SELECT * FROM unreadable");
    const store = new OutboxStore(sql);
    expect(sql.exec("SELECT * FROM unreadable")).toEqual(before);
    expect(store.unreadable.summary().count).toBe(4);
    expect(store.entries(5, null)).toEqual([]);
  });

  it("that waited apart for a login are written after a roll-back and forward again, though the login was readmitted", async () => {
    const sql = nodeSql();
    const made = new OutboxStore(sql);
    const record = makeRecord(1, 1, 1);
    made.refuse({ login: record.login, reason: "WRONGTYPE", sinceMs: 1 });
    made.append({ writes: [{ kind: "shares", records: [record] }], uncertain: false, refusedLogin: record.login }, []);
    sql.exec("UPDATE outbox SET version = 9");
    const back = life(sql);
    await back.clock.pass(60_000);
    expect(back.life.store.unreadable.summary().count).toBe(1);
    expect(back.life.outbox.refusedLogins).toEqual([]);
    back.life.kill();
    sql.exec("UPDATE unreadable SET body = replace(body, '\"version\":9', '\"version\":1')");
    const { clock, ledger, life: now } = life(sql);
    await clock.pass(60_000);
    expect(ledger.credits).toHaveLength(1);
    expect(now.outbox.depth).toBe(0);
    expect(now.outbox.setAside).toBe(0);
  });

  it("that waited apart for a login that is still refused wait apart again", () => {
    const sql = nodeSql();
    const made = new OutboxStore(sql);
    const { login } = makeRecord(1, 1, 1);
    made.refuse({ login, reason: "WRONGTYPE", sinceMs: 1 });
    made.append(
      { writes: [{ kind: "shares", records: [makeRecord(1, 1, 1)] }], uncertain: false, refusedLogin: login },
      [],
    );
    sql.exec("UPDATE outbox SET version = 9");
    open(sql);
    sql.exec("UPDATE unreadable SET body = replace(body, '\"version\":9', '\"version\":1')");
    const store = new OutboxStore(sql);
    expect(store.entries(5, login)).toHaveLength(1);
    expect(store.entries(5, null)).toEqual([]);
  });
});

/** Two shares of a row and between them one that no ledger may have. */
const mixed = () =>
  encodeRecords([makeRecord(1, 1, 1), { ...makeRecord(2, 2, 2), worker: "w".repeat(40) }, makeRecord(3, 3, 3)]);

describe("rows of several shares, some of which cannot be read", () => {
  it("keep those back, each by itself and named, and the others are written where they were", async () => {
    const sql = nodeSql();
    open(sql);
    oldOutbox(sql, 1, mixed());
    oldOutbox(sql, 2, body(4));
    sql.exec("INSERT INTO outbox_state VALUES ('attempted', 1)");
    const { clock, ledger, life: now } = life(sql);
    expect(now.store.entries(5, null)).toMatchObject([
      { id: 1, shares: 2 },
      { id: 2, shares: 1 },
    ]);
    await clock.pass(60_000);
    expect(ledger.credits).toHaveLength(3);
    expect(now.store.unreadable.summary().reasons).toEqual([expect.stringContaining("1 in outbox: worker: found www")]);
    const [kept] = now.store.unreadable.all();
    expect(kept?.row).toMatchObject({ shares: 1, uncertain: 1 });
    expect(String(kept?.row["body"])).toContain("wwww");
    expect(now.outbox.depth).toBe(0);
  });

  it("are taken up share by share when the version that can read them is back", async () => {
    const sql = nodeSql();
    open(sql);
    oldOutbox(sql, 1, mixed());
    sql.exec("UPDATE outbox SET version = 9");
    open(sql);
    sql.exec("UPDATE unreadable SET body = replace(body, '\"version\":9', '\"version\":1')");
    const { clock, ledger, life: now } = life(sql);
    await clock.pass(60_000);
    expect(ledger.credits).toHaveLength(2);
    expect(now.store.unreadable.summary().count).toBe(1);
  });
});

/** Records that read well and that the ledger refuses, with the field that is named. */
const REFUSED = [
  ["worker", { worker: "w".repeat(40) }],
  ["nonce", { nonce: "0xABCDEF0123456789" }],
  ["shareDifficulty", { shareDifficulty: 0n }],
  ["height", { height: 1.5 }],
] as const;

describe("rows whose record the ledger refuses", () => {
  it.each(REFUSED)("for its %s are set aside and named, and hold up nobody", async (field, spoilt) => {
    const sql = nodeSql();
    open(sql);
    oldOutbox(sql, 1, encodeRecords([{ ...makeRecord(1, 1, 1), ...spoilt }]));
    oldOutbox(sql, 2, encodeRecords([makeRecord(2, 2, 2)]));
    const clock = new VirtualClock();
    const nowMs = () => clock.nowMs();
    const redis = embeddedLedger({ nowMs });
    const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 10_800_000, nowMs });
    const now = new Life(sql, { connect: () => writer }, clock, () => 0.5);
    await clock.pass(60_000);
    expect(now.outbox.depth).toBe(0);
    expect(await redis.command(["HGETALL", "eth:shares:roundCurrent"])).toEqual([makeRecord(2, 2, 2).login, "1000"]);
    expect(now.store.unreadable.summary()).toEqual({
      count: 1,
      reasons: [expect.stringContaining(`1 in outbox: ${field}: found`)],
    });
  });

  it.each(["claimed", "foundClaimed", "found", "sealed"])(
    "and that are held as %s are set aside and named on /health",
    async (stage) => {
      const world = blockVerifier({ nodes: [] });
      open(world.sql);
      const record = encodeRecords({ ...makeBlock(1, 1, 1), worker: "w".repeat(40) });
      world.sql.exec("INSERT INTO held (stage, body) VALUES (?, ?)", stage, record);
      const verifier = world.start();
      await world.clock.pass(60_000);
      expect(world.sql.exec("SELECT * FROM held")).toEqual([]);
      expect(verifier.health.outboxDepth).toBe(0);
      expect(shardProblems(verifier.health, "shard 0", world.clock.nowMs())).toEqual([
        expect.stringContaining("1 in held: worker: found"),
      ]);
    },
  );

  it.each([
    ["a share", "share", { ...makeBlock(1, 1, 1), worker: "w".repeat(40) }, 1],
    ["a block without difficulty", "block", { ...makeBlock(1, 1, 1), networkDifficulty: 0n }, 1],
    ["a share of a later version", "share", makeBlock(1, 1, 1), 2],
  ])("and that wait for the operator as %s are not credited and stay until they are dropped", async (...row) => {
    const [, kind, record, version] = row;
    const world = blockVerifier({ nodes: [] });
    open(world.sql);
    world.sql.exec(
      "INSERT INTO unresolved (reason, at, body, kind, version) VALUES ('too old', 1, ?, ?, ?)",
      encodeRecords(record),
      kind,
      version,
    );
    const verifier = world.start();
    expect(verifier.settle([1], "credit", "seen")).toEqual([]);
    await world.clock.pass(60_000);
    expect(verifier.operatorView.unresolved).toHaveLength(1);
    expect(verifier.health.outboxDepth).toBe(0);
    expect(verifier.settle([1], "drop", "seen")).toEqual([1]);
  });
});

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DIALECTS } from "../../core/stratum/dialects.ts";
import { parseObject, type JsonObject } from "../src/json.ts";
import type { ToMiner } from "../src/session/outcomes.ts";
import { ResumableSession } from "../src/session/resumable-session.ts";
import { LOGIN, requestOf, share, wordsOf } from "./bridge-fixture.ts";

/** What can happen to a session; numbers pick one of what there is. */
type Step =
  | { readonly do: "submit"; readonly id: number }
  | { readonly do: "poll" }
  /** The pool judges a share that has reached it. `told`: its answer goes out, now or never. */
  | { readonly do: "judge"; readonly pick: number; readonly told: boolean }
  | { readonly do: "answerRest" }
  /** The connection dies; the pool keeps its ledger. */
  | { readonly do: "cut" }
  | { readonly do: "connect" }
  /** Make before break: another connection opens beside the first. */
  | { readonly do: "second" }
  /** The miner has waited too long; `disk`: whether the bridge's disk takes shares. */
  | { readonly do: "overdue"; readonly disk: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("submit" as const), id: fc.integer({ min: 40, max: 43 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("poll" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("judge" as const), pick: fc.nat(20), told: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("answerRest" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("connect" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("second" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("overdue" as const), disk: fc.boolean() }) },
);

/** A pool, a miner and the session between them, without sockets. */
class World {
  readonly session = new ResumableSession({ takeClaim: () => false, resume: () => null, granted: () => undefined });
  readonly recorded = new Set<string>();
  readonly submitted: { id: number; nonce: string }[] = [];
  readonly toMiner: JsonObject[] = [];
  /** Lines that reached the pool on each connection and have no answer. */
  readonly inbox = new Map<number, string[]>();
  #connections = 0;
  #now = 0;
  #active: number | null = null;

  run(action: Step): void {
    switch (action.do) {
      case "submit":
        return this.submit(action.id);
      case "poll":
        this.session.accept(JSON.stringify({ id: 5, method: "eth_getWork", params: [] }), this.#now);
        return this.flush();
      case "judge":
        return this.judge(action.pick, action.told);
      case "answerRest":
        return this.answerRest();
      case "cut":
        return this.cut(this.#active);
      case "connect":
        return this.#active === null ? this.connect() : undefined;
      case "second":
        return this.connect();
      case "overdue":
        return this.overdue(action.disk);
    }
  }

  connect(): void {
    this.#connections += 1;
    const id = this.#connections;
    this.inbox.set(id, []);
    for (const line of this.session.open(id)) this.reach(id, line);
    if (this.session.ready(id)) this.activate(id);
  }

  answerRest(): void {
    for (const [connection, lines] of this.inbox) {
      for (const line of lines.splice(0)) this.answer(connection, line);
    }
  }

  /** Ends with everything connected and every answer given. */
  settle(): void {
    for (const connection of this.inbox.keys()) if (connection !== this.#active) this.cut(connection);
    if (this.#active === null) this.connect();
    for (let n = 0; n < 20; n++) this.answerRest();
  }

  private submit(id: number): void {
    const { params } = share(this.submitted.length);
    const nonce = String(params[0]);
    this.submitted.push({ id, nonce });
    this.session.accept(JSON.stringify({ ...share(this.submitted.length - 1), id }), this.#now);
    this.flush();
  }

  private judge(pick: number, told: boolean): void {
    const waiting = [...this.inbox].flatMap(([connection, lines]) => lines.map((line) => ({ connection, line })));
    const chosen = waiting[pick % (waiting.length || 1)];
    if (chosen === undefined) return;
    const lines = this.inbox.get(chosen.connection) ?? [];
    lines.splice(lines.indexOf(chosen.line), 1);
    if (told) this.answer(chosen.connection, chosen.line);
    else if (requestOf(chosen.line).method === "eth_submitwork") {
      this.recorded.add(String(requestOf(chosen.line).params[0]));
    }
    // A connection that keeps an answer back for good is one that dies.
    if (!told) this.cut(chosen.connection);
  }

  private overdue(disk: boolean): void {
    this.#now += 10;
    const { toMiner, toKeep } = this.session.overdue(this.#now, 5, 1_000);
    this.tell(toMiner);
    for (const tracked of disk ? toKeep : []) {
      tracked.kept = tracked.sequence;
      const yes = this.session.acknowledge(tracked);
      if (yes !== null) this.tell([yes]);
    }
  }

  private cut(connection: number | null): void {
    if (connection === null) return;
    this.inbox.delete(connection);
    this.session.close(connection);
    if (this.#active === connection) this.#active = null;
    this.flush();
  }

  private answer(connection: number, line: string): void {
    const { id, method, params } = requestOf(line);
    let said = wordsOf({ id, method, params }, true);
    if (method === "eth_getwork") said = DIALECTS.ethProxy.result(JSON.stringify(id), '["h","s","t"]');
    if (method === "eth_submitwork") {
      const nonce = String(params[0]);
      if (this.recorded.has(nonce)) said = wordsOf({ id, method, params }, "duplicate");
      this.recorded.add(nonce);
    }
    const { toMiner, resumed } = this.session.fromPool(connection, said, this.#now);
    if (resumed === true) this.activate(connection);
    this.tell(toMiner);
    this.flush();
  }

  private activate(connection: number): void {
    // The newest connection wins, as in the bridge.
    if (this.#active !== null && this.#active > connection) return;
    this.#active = connection;
    this.tell(this.session.activate(connection, this.#now) ?? []);
    this.flush();
  }

  private flush(): void {
    const { toPool, toMiner } = this.session.take();
    if (this.#active !== null) for (const line of toPool) this.reach(this.#active, line);
    else expect(toPool).toEqual([]);
    this.tell(toMiner);
  }

  private reach(connection: number, line: string): void {
    this.inbox.get(connection)?.push(line);
  }

  private tell(lines: readonly ToMiner[]): void {
    for (const { text } of lines) this.toMiner.push(parseObject(text) ?? {});
  }
}

test("whatever order shares, answers, deaths and reconnects come in, every share is recorded and answered true exactly once", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const world = new World();
      world.session.accept(JSON.stringify(LOGIN), 0);
      world.connect();
      world.answerRest();
      for (const action of steps) world.run(action);
      world.settle();
      expect(world.session.pending).toBe(0);
      expect([...world.recorded].toSorted()).toEqual(world.submitted.map(({ nonce }) => nonce).toSorted());
      for (let id = 40; id <= 43; id++) {
        const answers = world.toMiner.filter((body) => body["id"] === id);
        expect(answers.map((body) => body["result"])).toEqual(
          world.submitted.filter((one) => one.id === id).map(() => true),
        );
      }
      // The login was answered once, whatever was said again behind the miner's back.
      expect(world.toMiner.filter((body) => body["id"] === LOGIN.id)).toHaveLength(1);
    }),
    { seed: 20_261_122, numRuns: 400 },
  );
});

test("a pool that has just come back and has no room yet is asked again, and in quieter times its no is told at once", () => {
  const session = new ResumableSession({ takeClaim: () => false, resume: () => null, granted: () => undefined });
  /** What the miner hears of a share that it submits at that time and the pool has no room for. */
  const refusedAt = (nowMs: number, n: number): unknown[] => {
    session.accept(JSON.stringify(share(n)), nowMs);
    const { toPool } = session.take();
    return toPool.flatMap((line) => {
      const { toMiner } = session.fromPool(1, wordsOf(requestOf(line), "notReady"), nowMs);
      return toMiner.map(({ text }) => parseObject(text)?.["id"]);
    });
  };
  session.accept(JSON.stringify(LOGIN), 0);
  session.open(1);
  session.activate(1, 1_000);
  for (const line of session.take().toPool) session.fromPool(1, wordsOf(requestOf(line), true), 1_000);
  expect(refusedAt(30_000, 1)).toEqual([]);
  session.releaseDeferred();
  const [again = ""] = session.take().toPool;
  const { toMiner } = session.fromPool(1, wordsOf(requestOf(again), true), 32_000);
  expect(toMiner.map(({ text }) => parseObject(text))).toMatchObject([{ id: share(1).id, result: true }]);
  expect(refusedAt(32_000, 2)).toEqual([share(2).id]);
});

import { assert, array, constantFrom, integer, oneof, property, record, constant } from "fast-check";
import { describe, expect, it } from "vitest";
import { FairTurns, type InTurn } from "../../../core/shares/fair-turns.ts";

interface One extends InTurn {
  readonly id: number;
}

let ids = 0;
const one = (sender: string, lane: InTurn["lane"] = "judged", sinceMs = 0): One => ({
  id: ids++,
  sender,
  lane,
  sinceMs,
});
const many = (count: number, sender: string, lane?: InTurn["lane"]) =>
  Array.from({ length: count }, () => one(sender, lane));
const senders = (taken: readonly One[]) => taken.map(({ sender }) => sender).join("");

describe("turns", () => {
  it("go round the senders, however much one of them has sent before", () => {
    const turns = new FairTurns<One>(100);
    for (const each of [...many(50, "a"), ...many(2, "b"), ...many(1, "c")]) expect(turns.add(each)).toBe(true);
    expect(senders(turns.take(8))).toBe("abcabaaa");
  });

  it("take what is judged first, and one of the unjudged along", () => {
    const turns = new FairTurns<One>(1_000);
    for (const each of [...many(60, "j", "unjudged"), ...many(40, "a")]) turns.add(each);
    expect(senders(turns.take(32))).toBe(`${"a".repeat(31)}j`);
    expect(senders(turns.take(32))).toBe(`${"a".repeat(9)}j`);
    // Alone, a batch is short: what is judged may come while it is hashed.
    expect(senders(turns.take(32))).toBe("j".repeat(8));
  });

  it("leave room for others: a sender has its part of the places, and the unjudged have theirs", () => {
    const turns = new FairTurns<One>(160);
    const taken = (list: One[]) => list.filter((each) => turns.add(each)).length;
    expect(taken(many(200, "j", "unjudged"))).toBe(10);
    expect(taken(["k", "l", "m", "n"].flatMap((sender) => many(200, sender, "unjudged")))).toBe(30);
    expect(taken(many(200, "a"))).toBe(120);
    expect(taken(many(1, "a"))).toBe(0);
    expect(turns.size).toBe(160);
    turns.take(1);
    expect(taken(many(1, "b"))).toBe(1);
  });

  it("give nobody two turns before another's one, lose nothing and keep each sender's order, whatever comes", () => {
    const step = oneof(
      record({
        kind: constant("add" as const),
        sender: constantFrom("a", "b", "c", "d"),
        lane: constantFrom("judged" as const, "unjudged" as const),
      }),
      record({ kind: constant("take" as const), count: integer({ min: 1, max: 6 }) }),
      record({ kind: constant("failed" as const), count: integer({ min: 1, max: 6 }) }),
    );
    assert(
      property(array(step, { maxLength: 80 }), (steps) => {
        const turns = new FairTurns<One>(40);
        const waiting: One[] = [];
        const before = () => new Set(waiting.filter(({ lane }) => lane === "judged").map(({ sender }) => sender));
        for (const each of steps) {
          if (each.kind === "add") {
            const added = one(each.sender, each.lane);
            if (turns.add(added)) waiting.push(added);
          } else {
            const names = before();
            const taken = turns.take(each.count);
            const judged = taken.filter(({ lane }) => lane === "judged");
            // Nobody comes twice before everybody who waited has come once.
            expect(new Set(judged.slice(0, names.size).map(({ sender }) => sender)).size).toBe(
              Math.min(judged.length, names.size),
            );
            for (const { sender, lane, id } of taken) {
              const first = waiting.find((other) => other.sender === sender && other.lane === lane);
              expect(id).toBe(first?.id);
              waiting.splice(
                waiting.findIndex((other) => other.id === id),
                1,
              );
            }
            if (each.kind === "failed") {
              turns.giveBack(taken);
              waiting.unshift(...taken);
            }
          }
          expect(turns.size).toBe(waiting.length);
          expect(turns.all().length).toBe(waiting.length);
        }
      }),
    );
  });

  it("know since when the first of a lane waits, and drop whom they are told to", () => {
    const turns = new FairTurns<One>(10);
    for (const each of [one("a", "judged", 5), one("b", "judged", 3), one("b", "judged", 9)]) turns.add(each);
    expect(turns.oldestMs("judged")).toBe(3);
    expect(turns.remove(({ sinceMs }) => sinceMs < 6)).toHaveLength(2);
    expect(senders(turns.all())).toBe("b");
    expect(turns.count("judged")).toBe(1);
  });
});

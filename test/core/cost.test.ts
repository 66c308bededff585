import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { chartOf } from "../../scripts/cost/chart.ts";
import { behaviourBefore, behaviourOf, billOf, type LedgerKind, type PoolSize } from "../../scripts/cost/model.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const readme = readFileSync(join(ROOT, "README.md"), "utf8");

/** As `npm run cost` has it when only miners, rigs and ledger are given. */
function sizeOf(miners: number, rigs: number, ledger: LedgerKind): PoolSize {
  return { miners, rigs, ledger, shareIntervalS: 30, blockTimeS: 13, shards: 1, notify: true, viewers: 1 };
}

const number = (text: string): number => Number(text.replaceAll(/[,$]/g, ""));

it("the README's table of bills says what the model says, before and now, and which targets are met", () => {
  const rows = [...readme.matchAll(/^\| ([\d,]+) \/ ([\d,]+) \| (\w+)[^|]*\| (\S+) \| (\S+) \| (\S+) \| (\w+)/gm)];
  expect(rows).toHaveLength(4);
  for (const [line, miners = "", rigs = "", ledger = "", before, now, target = "", verdict] of rows) {
    const size = sizeOf(number(miners), number(rigs), ledger === "embedded" ? "embedded" : "upstash");
    const four = { ...size, shards: 4 };
    const usd = [billOf(four, behaviourBefore(four)), billOf(size, behaviourOf(size))].map(({ totalUsd }) => totalUsd);
    expect(
      [before, now].map((text = "") => number(text)),
      line,
    ).toEqual(usd.map((value) => Math.round(value)));
    expect(verdict, line).toBe((usd[1] ?? Infinity) <= number(target) ? "met" : "missed");
  }
});

it("the README names what shares cost a large pool, line by line, and what it is where none claims anything", () => {
  const size = sizeOf(10_000, 40_000, "upstash");
  const { lines } = billOf(size, behaviourOf(size));
  for (const name of ["share calls", "shares through relays' sockets", "sessions awake for shares"]) {
    const line = lines.find((one) => one.name === name);
    expect(readme).toContain(`$${Math.round(line?.usd ?? Infinity)}`);
  }
  const { totalUsd } = billOf({ ...size, unclaimed: 1 }, behaviourOf(size));
  expect(readme).toContain(`EthereumStratum/1, it is $${Math.round(totalUsd)}`);
});

it("the README's chart is what `npm run cost -- --miners 10000 --rigs 40000 --chart docs/images/bill.svg` draws", async () => {
  const drawn = await chartOf(sizeOf(10_000, 40_000, "upstash"));
  expect(readFileSync(join(ROOT, "docs", "images", "bill.svg"), "utf8")).toBe(drawn);
});

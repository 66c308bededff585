/** What setup asks in a terminal: the real prompts, on a terminal that a test types at. */
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { HOMES } from "../../core/home.ts";
import type { Answers } from "../../scripts/setup/answers.ts";
import { askForRest, goOn } from "../../scripts/setup/questions.ts";

const NOTHING_SAID: Answers = { env: "staging", accounts: [], upstreams: new Map(), file: {} };
const [ENTER, DOWN] = ["\r", "\u001B[B"];

/** A terminal on which each answer is typed when its question is there. @param keys by a part of the question */
function typing(keys: readonly (readonly [question: string, keys: string])[]) {
  const input = new PassThrough();
  const waiting = [...keys];
  let shown = "";
  const see = (text: Buffer): void => {
    shown += String(text);
    const [next] = waiting;
    if (next === undefined || !shown.includes(next[0])) return;
    waiting.shift();
    shown = "";
    // Once the prompt that has just been drawn listens.
    setImmediate(() => input.write(next[1]));
  };
  const terminal = {
    input,
    // A prompt ends what it was given to write to.
    get output() {
      return new PassThrough().on("data", see);
    },
  };
  return { terminal, waiting };
}

describe("setup in a terminal", () => {
  it("asks for chain, node and home where nothing says them, and takes no node that is no address", async () => {
    const { terminal, waiting } = typing([
      ["Chain", ENTER],
      ["Address of the node", `geth${ENTER}`],
      ["an https:// address", `\u0015https://geth.mypool.com${ENTER}`],
      ["Where the pool lives", `${DOWN}${ENTER}`],
    ]);
    const answers = await askForRest(NOTHING_SAID, {}, terminal);
    expect([answers.chain, [...answers.upstreams], answers.home]).toEqual([
      "classic",
      [["main", "https://geth.mypool.com"]],
      HOMES[1],
    ]);
    expect(waiting).toEqual([]);
  });

  it("asks for nothing that a flag, the file or the environment of before says", async () => {
    const { terminal } = typing([]);
    const said = { ...NOTHING_SAID, chain: "mordor", file: { home: "weur" } };
    const former = { upstream: [{ name: "main", url: "https://geth.mypool.com" }] };
    expect(await askForRest(said, former, terminal)).toEqual({ ...said, upstreams: new Map(), home: undefined });
  });

  it("goes on only where one says so", async () => {
    for (const [keys, wanted] of [
      [ENTER, false],
      [`y${ENTER}`, true],
      [`n${ENTER}`, false],
    ] as const) {
      const { terminal } = typing([["Write [env.staging] and deploy it", keys]]);
      expect(await goOn("staging", terminal)).toBe(wanted);
    }
  });
});

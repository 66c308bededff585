/**
 * How many stratum lines a second the session's state machine takes on one core, without sockets: the share of a core that a session
 * object spends on protocol. `node bench/stratum-lines.ts [seconds]`, one JSON object a dialect.
 */
import { availableParallelism, cpus } from "node:os";
import { customChain } from "../core/chain-spec.ts";
import { handle, newSession } from "../core/stratum/handle.ts";
import { splitLines } from "../core/stratum/line-splitter.ts";
import type { SessionContext, SessionEffect, SessionState } from "../core/stratum/session.ts";

const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const hash = (digit: string) => `0x${digit.repeat(64)}`;
const job = {
  header: hash("a"),
  seed: hash("5"),
  height: 1_000,
  networkDifficulty: 1n << 50n,
  poolDifficulty: 2_000_000_000n,
  classTable: 1,
} as const;
const seconds = Number(process.argv[2] ?? 3);

const DIALECTS = {
  ethProxy: {
    login: [`{"id":1,"method":"eth_submitLogin","params":["${LOGIN}","x"],"worker":"rig"}`],
    share: `{"id":40,"method":"eth_submitWork","params":["0x0123456789abcdef","${job.header}","${hash("e")}"],"worker":"rig"}`,
  },
  es1: {
    login: [
      '{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}',
      `{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig","x"]}`,
    ],
    share: `{"id":40,"method":"mining.submit","params":["${LOGIN}.rig","${"a".repeat(16)}","0123456789"]}`,
  },
};

const context: SessionContext = {
  work: { sequence: 1, current: job, jobs: [job], confirmedAtMs: 0 },
  maxWorkAgeMs: Infinity,
  terms: { poolDifficulty: 2_000_000_000n, classTable: 1 },
  lastClass: () => 0,
  vardiff: null,
  chain: customChain({ name: "bench" }),
  timeoutMs: 120_000,
  owner: LOGIN,
};

let state: SessionState = newSession("00000000-0000-4000-8000-000000000000", "");
let replies = 0;

/** Answers every question at once and accepts every share. */
function perform(effect: SessionEffect): void {
  if (effect.kind === "send") replies++;
  if (effect.kind === "authenticate") feed({ kind: "authenticated", allowed: true });
  if (effect.kind === "allocate") feed({ kind: "extranonce", value: "080c01" });
  if (effect.kind !== "verify") return;
  const { id } = effect;
  const verdict = { kind: "accepted", block: false } as const;
  feed({ kind: "verdict", id, verdict, refused: false });
}

function feed(input: Parameters<typeof handle>[1]): void {
  const step = handle(state, input, context, 0);
  state = step.state;
  for (const effect of step.effects) perform(effect);
}

for (const [dialect, { login, share }] of Object.entries(DIALECTS)) {
  state = newSession("00000000-0000-4000-8000-000000000000", "");
  for (const text of login) feed({ kind: "line", text });
  const frame = new TextEncoder().encode(`${share}\n`);
  const untilMs = performance.now() + seconds * 1_000;
  const startMs = performance.now();
  replies = 0;
  while (performance.now() < untilMs) {
    for (let line = 0; line < 1_000; line++) {
      for (const text of splitLines(new Uint8Array(0), frame).lines) feed({ kind: "line", text });
    }
  }
  const elapsedS = (performance.now() - startMs) / 1_000;
  const machine = `${availableParallelism()} x ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}`;
  console.log(JSON.stringify({ dialect, sharesASecond: Math.round(replies / elapsedS), machine }));
}

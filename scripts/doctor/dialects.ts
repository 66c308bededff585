import { isRecord } from "../../core/stratum/json-rpc.ts";
import { readAnswer } from "../../core/stratum/answers.ts";
import type { LineSocket } from "./line-socket.ts";

/** What a conversation came to: a job and the answer to a share for a header that never was, or what went wrong. */
export type Conversation =
  | { readonly kind: "mined"; readonly header: string }
  | { readonly kind: "noWork"; readonly said: string }
  | { readonly kind: "refused"; readonly at: string; readonly said: string };

/** A header that no node has given: its share is stale, which counts for nothing and against nobody. */
const NO_HEADER = "0x" + "d0".repeat(32);
const MIX = `0x${"0".repeat(64)}`;
const NONCE = "0xd0c7d0c7d0c7d0c7";

/** What a program says, step by step; after each the pool's answer is waited for. */
interface Script {
  readonly version2: boolean;
  readonly steps: readonly (readonly [at: string, request: Readonly<Record<string, unknown>>])[];
  /** The header of a job, out of a line of the pool's; null where the line is no job. */
  readonly headerOf: (line: Readonly<Record<string, unknown>>) => string | null;
  readonly share: Readonly<Record<string, unknown>>;
}

const digits = (value: unknown): string | null => {
  const bare = typeof value === "string" ? value.replace(/^0x/, "") : "";
  return /^[0-9a-f]{64}$/.test(bare) ? `0x${bare}` : null;
};
/** @param at where the header stands among the params of a `mining.notify` */
const notified = (at: number) => (line: Readonly<Record<string, unknown>>) =>
  line["method"] === "mining.notify" && Array.isArray(line["params"]) ? digits(line["params"][at]) : null;
const fromResult = ({ result }: Readonly<Record<string, unknown>>): string | null =>
  Array.isArray(result) && result.length >= 3 ? digits(result[0]) : null;

/** Dialects by their name in `docs/protocol.md`. */
export type DialectName = "eth-proxy" | "EthereumStratum/1" | "EthereumStratum/2" | "plain stratum";

/** @param user login, a dot, and a worker's name */
function scriptOf(dialect: DialectName, login: string): Script {
  const user = `${login}.doctor`;
  const authorize = { id: 3, method: "mining.authorize", params: [user, "x"] };
  switch (dialect) {
    case "eth-proxy":
      return {
        version2: false,
        steps: [
          ["login", { id: 1, jsonrpc: "2.0", method: "eth_submitLogin", params: [login, "x"], worker: "doctor" }],
          ["work", { id: 5, jsonrpc: "2.0", method: "eth_getWork", params: [] }],
        ],
        headerOf: fromResult,
        share: { id: 40, jsonrpc: "2.0", method: "eth_submitWork", params: [NONCE, NO_HEADER, MIX] },
      };
    case "EthereumStratum/1":
      return {
        version2: false,
        steps: [
          ["subscribe", { id: 1, method: "mining.subscribe", params: ["edgepool-doctor", "EthereumStratum/1.0.0"] }],
          ["authorize", authorize],
        ],
        headerOf: notified(2),
        share: { id: 40, method: "mining.submit", params: [user, "d0d0d0d0d0d0d0d0", "d0c7d0c7d0"] },
      };
    case "EthereumStratum/2":
      return {
        version2: true,
        steps: [
          [
            "hello",
            {
              id: 1,
              method: "mining.hello",
              params: { agent: "edgepool-doctor", host: "-", port: "0", proto: "EthereumStratum/2.0.0" },
            },
          ],
          ["subscribe", { id: 2, method: "mining.subscribe" }],
          ["authorize", authorize],
        ],
        headerOf: notified(2),
        share: { id: 40, method: "mining.submit", params: ["d0d0d0d0d0d0d0d0", "d0c7d0c7d0", "doctor"] },
      };
    case "plain stratum":
      return {
        version2: false,
        steps: [
          ["subscribe", { id: 1, method: "mining.subscribe", params: [] }],
          ["authorize", authorize],
        ],
        headerOf: notified(1),
        share: { id: 40, method: "mining.submit", params: [user, "d0d0d0d0d0d0d0d0", NONCE, NO_HEADER, MIX] },
      };
  }
}

const WAIT_FOR_JOB_MS = 5_000;

/** Speaks a dialect from its first line to the answer to a share. @param timeoutMs for each answer */
export async function converse(
  socket: LineSocket,
  dialect: DialectName,
  login: string,
  timeoutMs: number,
): Promise<Conversation> {
  const { steps, headerOf, share, version2 } = scriptOf(dialect, login);
  let header: string | null = null;
  const reply = async (id: unknown, waitMs: number): Promise<Readonly<Record<string, unknown>> | null> => {
    for (;;) {
      const text = await socket.next(waitMs);
      if (text === null) return null;
      const line = parsed(text);
      header ??= headerOf(line);
      if (id === null ? header !== null : line["id"] === id) return line;
    }
  };
  for (const [at, request] of steps) {
    socket.send(JSON.stringify(request));
    const line = await reply(request["id"], timeoutMs);
    if (line === null) return { kind: "refused", at, said: socket.goodbye ?? "no answer" };
    const answer = readAnswer(line, version2);
    if (answer.kind === "granted") continue;
    const { reason, message } = answer.refusal;
    return reason === "notReady" ? { kind: "noWork", said: message } : { kind: "refused", at, said: message };
  }
  if (header === null) await reply(null, Math.min(timeoutMs, WAIT_FOR_JOB_MS));
  if (header === null) return { kind: "noWork", said: socket.goodbye ?? "no job came" };
  socket.send(JSON.stringify(share));
  const verdict = await reply(share["id"], timeoutMs);
  if (verdict === null) return { kind: "refused", at: "share", said: socket.goodbye ?? "no answer" };
  const answer = readAnswer(verdict, version2);
  // A bare `false` of eth-proxy has no reason: there it is the word for stale.
  if (answer.kind === "refused" && (answer.refusal.reason === "stale" || verdict["result"] === false))
    return { kind: "mined", header };
  return {
    kind: "refused",
    at: "share",
    said: answer.kind === "granted" ? "a share for a header that never was is accepted" : answer.refusal.message,
  };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const line: unknown = JSON.parse(text);
    return isRecord(line) ? line : {};
  } catch {
    return {};
  }
}

/** Bodies of an HTTP getwork miner. */
export const GETWORK = {
  ask: JSON.stringify({ id: 1, jsonrpc: "2.0", method: "eth_getWork", params: [] }),
  share: JSON.stringify({ id: 2, jsonrpc: "2.0", method: "eth_submitWork", params: [NONCE, NO_HEADER, MIX] }),
  headerOf: fromResult,
  parsed,
} as const;

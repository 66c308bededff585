import { DumpError } from "../../core/ledger/books/dump.ts";
import { RedisReplyError, RedisUnreachableError, type TransactionPort } from "../../core/ledger/contract/redis-port.ts";
import { parseExactJson, restPort } from "../../core/ledger/contract/rest-port.ts";
import { tokenFor } from "../../devnet/start/running-tokens.ts";
import { connectRedis } from "./node-redis.ts";

/** A ledger that a command works on. */
export interface OpenLedger {
  readonly redis: TransactionPort;
  close(): Promise<void>;
}

const TIMEOUT_MS = 60_000;

/** @param where as the help of `npm run ledger` says @throws DumpError in words for the operator */
export async function openLedger(where: string): Promise<OpenLedger> {
  if (/^(rediss?:\/\/|unix:)/.test(where)) {
    const redis = await connectRedis(where);
    return { redis, close: () => redis.close() };
  }
  if (!/^https?:\/\//.test(where) || !URL.canParse(where)) throw new DumpError(`"${where}" is no ledger; see --help`);
  const { origin, pathname } = new URL(where);
  // A miner's URL, or a page of the dashboard: what an operator has at hand.
  if (/^\/(?:0x|stratum|account|api|health|admin|bridge)/i.test(pathname))
    throw new DumpError(`"${where}" is an address of a pool, but not of its ledger: that is ${origin}/redis`);
  const token = tokenFor(where, "LEDGER_TOKEN");
  if (!token) throw new DumpError("the environment variable LEDGER_TOKEN with the ledger's token is missing");
  return { redis: exactRest(where.replace(/\/$/, ""), token), close: async () => undefined };
}

/**
 * A ledger of the Upstash REST protocol whose integers keep all their digits, as far as the server sends them: `@upstash/redis` would round
 * those beyond 2^53, and a client of `serve` would take the error that the port makes of it for a write that was not done.
 */
function exactRest(url: string, token: string): TransactionPort {
  return restPort(async (path, body) => {
    const reply = await post([url, ...path].join("/"), token, JSON.stringify(body));
    const parsed = parsedOf(reply.text);
    if (reply.ok) return parsed;
    const refusal = Object(parsed).error;
    if (typeof refusal === "string" && /^[A-Z]{2,} /.test(refusal)) throw new RedisReplyError(refusal);
    const hint = new URL(url).pathname === "/" && !/upstash/.test(url) ? `; a pool's ledger is ${url}/redis` : "";
    throw new RedisUnreachableError(
      `redis: the server answered with the status ${reply.status}${typeof refusal === "string" ? `: ${refusal}` : ""}${hint}`,
      reply.status < 500 ? "no" : "unknown",
    );
  });
}

async function post(url: string, token: string, body: string): Promise<{ ok: boolean; status: number; text: string }> {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
  return { ok: response.ok, status: response.status, text: await response.text() };
}

function parsedOf(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
}

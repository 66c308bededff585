import { thrown } from "../core/log.ts";
import type { Client } from "../core/policy/client.ts";
import { namedWorker, parseLogin } from "../core/policy/login.ts";
import { RenamedWorkers } from "../core/policy/renamed-workers.ts";
import { type GetworkPost, refusePost } from "../core/session/getwork.ts";
import { answerStranger } from "../core/session/stranger-post.ts";
import { DIALECTS } from "../core/stratum/dialects.ts";
import { parseLine } from "../core/stratum/json-rpc.ts";
import { accessLists } from "../durable-objects/platform/access-lists.ts";
import { GuardClient } from "../durable-objects/platform/guard-client.ts";
import { isolateRoom } from "../durable-objects/platform/isolate-room.ts";
import { acquaintance, nowKnown } from "../durable-objects/platform/known-logins.ts";
import { partLog } from "../durable-objects/platform/part-log.ts";
import { loadConfig } from "../durable-objects/platform/config.ts";
import type { Env } from "../durable-objects/env.ts";
import { systemClock } from "../durable-objects/platform/system-clock.ts";
import { VerifierClient } from "../durable-objects/platform/verifier-client.ts";
import { heldUntilJudged } from "./held-event.ts";
import { readText } from "./read-text.ts";
import { strangersAdmissions, strangersTimes, strangersTurns, strangersWork } from "./strangers.ts";
import { ofLogin } from "../durable-objects/platform/at-home.ts";

/** In URLs; a log line for each and isolate. */
const renamedWorkers = new RenamedWorkers();

/**
 * HTTP getwork. Every JSON-RPC answer is status 200 with `Content-Length`: ethminer crashes on chunked bodies and reconnects
 * hundreds of times a second on any other status (docs/protocol.md, section 3).
 */
export async function answerGetwork(
  env: Env,
  request: Request,
  login: string,
  worker: string,
  ip: Client,
): Promise<Response> {
  if (request.method !== "POST") return plain(405, "HTTP getwork takes POST\n", { Allow: "POST" });
  const { limitBodySize, limitHeadersSize } = loadConfig(env).getwork;
  if (headersSize(request) > limitHeadersSize) return plain(431, `Headers over ${limitHeadersSize} bytes\n`);
  const body = await readText(request, limitBodySize);
  if (body === null) return plain(413, `Body over ${limitBodySize} bytes\n`);
  const parsed = parseLogin(login);
  if (!parsed) return jsonRpc(refusePost(body, "invalidLogin"));
  const named = namedWorker(parsed.address, parsed.suffix, worker);
  renamedWorkers.note(partLog(env, "getwork"), parsed.address, named);
  const post = { login: parsed.address, worker: named.name, ip, body };
  try {
    const answer =
      (await answerNewcomer(env, post)) ?? (await ofLogin(env, env.MINER_SESSION, post.login).getwork(post));
    return jsonRpc(answer);
  } catch (error) {
    // A deploy, an overloaded object: the miner waits and comes back.
    partLog(env, "getwork").warn("the session object did not answer", { login: parsed.address, error: thrown(error) });
    return jsonRpc(refusePost(body, "notReady"));
  }
}

/**
 * Refuses a POST that nothing else takes: to a path that names no login, or to a pool that cannot serve.
 * @returns null for one that is no JSON-RPC request
 */
export async function answerNobody(
  request: Request,
  limit: number,
  reason: "invalidLogin" | "notReady",
): Promise<Response | null> {
  const body = await readText(request, limit);
  const parsed = parseLine(body ?? "");
  if (parsed.kind !== "request" || parsed.request.method === "") return null;
  return jsonRpc(DIALECTS.ethProxy.rejection(parsed.request.id, reason));
}

/** A login that the pool has never credited has no object before its first valid share. @returns null where its object is to answer */
async function answerNewcomer(env: Env, post: GetworkPost): Promise<string | null> {
  if ((await acquaintance(env, post.login, post.ip)) === "known") return null;
  const guard = new GuardClient(env, strangersAdmissions);
  const [{ allowed }, lists] = await Promise.all([
    guard.admit(post.ip, post.login, "request"),
    accessLists(env, Date.now()),
  ]);
  if (!allowed) return refusePost(post.body, "banned");
  // The object knows what they said before they could not be read.
  if (!lists.loaded) return null;
  if (lists.isBlacklisted(post.login)) {
    await guard.report(post.ip, null, { ban: true });
    return refusePost(post.body, "blacklisted");
  }
  const log = partLog(env, "getwork");
  const due: Promise<void>[] = [];
  const verifiers = new VerifierClient(env, log, {
    // A share that was accepted makes the login's object with the next POST.
    refuted: (login, worker, client) => ofLogin(env, env.MINER_SESSION, login).refuted(worker, client, login),
    background: (task) => void due.push(task),
  });
  const { answer, isProven } = await answerStranger(post, loadConfig(env), {
    clock: systemClock,
    log,
    room: isolateRoom,
    guard,
    submit: heldUntilJudged(verifiers.submit),
    times: strangersTimes,
    turns: strangersTurns,
    work: () => strangersWork(env),
  });
  if (isProven) nowKnown(post.login);
  // Nothing keeps the Worker alive after its answer.
  await Promise.all(due);
  return answer;
}

function jsonRpc(line: string): Response {
  return plain(200, line, { "Content-Type": "application/json" });
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  const body = new TextEncoder().encode(text);
  return new Response(body, {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8", ...headers, "Content-Length": String(body.length) },
  });
}

/** Bytes of the headers as they came over the wire, `name: value\r\n` each. */
function headersSize(request: Request): number {
  let size = 0;
  for (const [name, value] of request.headers) size += name.length + value.length + 4;
  return size;
}

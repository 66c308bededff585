import type { Context, Hono } from "hono";
import { TOO_MANY } from "../../core/policy/client-guard.ts";
import type { Client } from "../../core/policy/client.ts";
import { type Login, minerOfPath, namedWorker, parseLogin } from "../../core/policy/login.ts";
import { RenamedWorkers } from "../../core/policy/renamed-workers.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { GuardClient } from "../../durable-objects/platform/guard-client.ts";
import { handoverRequest } from "../../durable-objects/platform/session-handover.ts";
import type { Env } from "../../durable-objects/env.ts";
import { partLog } from "../../durable-objects/platform/part-log.ts";
import { acquaintance } from "../../durable-objects/platform/known-logins.ts";
import { answerGetwork, answerNobody } from "../getwork.ts";
import { clientOfRequest } from "../client-ip.ts";
import { openInBandLogin } from "../in-band-login.ts";
import { strangersRoom } from "../strangers.ts";
import { ofLogin } from "../../durable-objects/platform/at-home.ts";

const ANOTHER_PAGE = "Nobody mines here from a page of another host\n";
const NO_ROOM = "Too many connections of logins that were never credited: try again\n";
const WRONG_TOKEN = "The bridge token is not the pool's BRIDGE_TOKEN\n";

/** In URLs; a log line for each and isolate. */
const renamedWorkers = new RenamedWorkers();

type RouteContext = Context<{ Bindings: Env }>;

/** Stratum over WebSockets and HTTP getwork. */
export function stratumRoutes(app: Hono<{ Bindings: Env }>): void {
  for (const path of ["/stratum", "/stratum/*"]) app.all(path, (c) => connect(c));
  for (const path of ["/:login{0[xX][^/]*}", "/:login{0[xX][^/]*}/*"]) app.all(path, (c) => getwork(c));
  // Whatever else is posted comes from a miner whose URL is a little wrong: any status but 200 makes ethminer storm.
  app.post("*", async (c) => {
    if (parseLogin(minerOf(c).login)) return await getwork(c);
    const { limitBodySize } = loadConfig(c.env).getwork;
    return (await answerNobody(c.req.raw, limitBodySize, "invalidLogin")) ?? c.notFound();
  });
}

/** Who mines, by the request's URL. Not checked. */
const minerOf = (c: RouteContext) => minerOfPath(new URL(c.req.url).pathname);

/** Whether a page of another host had its reader's browser send this: no miner does, and whoever reads such a page would be banned for its junk. */
function isOfAnotherPage({ req }: RouteContext): boolean {
  const origin = req.header("origin");
  if (origin === undefined) return false;
  return URL.parse(origin)?.host !== new URL(req.url).host;
}

async function connect(c: RouteContext): Promise<Response> {
  if (c.req.method === "POST") return await getwork(c);
  if (isOfAnotherPage(c)) return c.text(ANOTHER_PAGE, 403);
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") return howToConnect(c);
  const { env } = c;
  const config = loadConfig(env);
  const named = minerOf(c);
  const login = parseLogin(named.login);
  if (named.login !== "" && login === null) return c.text("Invalid login: a 20-byte hex address is expected\n", 400);
  const ip = await clientOfRequest(c.req.raw, config.policy.bridgeToken, login?.address ?? "");
  if (ip === null) return c.text(WRONG_TOKEN, 401);
  // A login that nobody knows gets its object when it is named in band, too. So does one that could not be looked up because of a
  // neighbour's curiosity: it loses nothing by it.
  if (login === null || (await acquaintance(env, login.address, ip)) !== "known")
    return await connectStranger(c, ip, login, named.worker);
  const owner = login.address;
  const refused = await refusal(c, ip, owner, "connection");
  if (refused !== null) return refused;
  const worker = workerOf(c, login, named.worker);
  return await ofLogin(env, env.MINER_SESSION, owner).fetch(handoverRequest({ owner, ip, worker, begun: null }));
}

/** @param login null where its first line is to name it @param worker as the URL has it */
async function connectStranger(c: RouteContext, ip: Client, login: Login | null, worker: string): Promise<Response> {
  // Before the guard is asked: whoever fills the room costs nothing more. Taken after that, when nothing is waited for any more: a request
  // that is given up meanwhile gives nothing back.
  if (!strangersRoom.hasRoom(ip, Date.now())) return noRoom(c);
  const owner = login?.address ?? null;
  const refused = await refusal(c, ip, owner, "unfinished");
  if (refused !== null) return refused;
  const place = strangersRoom.take(ip, Date.now());
  if (place === null) return noRoom(c);
  const from = { ip, owner, worker: login === null ? "" : workerOf(c, login, worker) };
  return openInBandLogin(c.env, loadConfig(c.env), from, place);
}

function noRoom(c: RouteContext): Response {
  return c.text(NO_ROOM, 429, { "Retry-After": "10" });
}

/** What the guard says to who is not let in. */
async function refusal(
  c: RouteContext,
  ip: Client,
  owner: string | null,
  opening: "connection" | "unfinished",
): Promise<Response | null> {
  const { allowed, reason } = await new GuardClient(c.env).admit(ip, owner, opening);
  return allowed ? null : c.text(`${reason}\n`, reason === TOO_MANY ? 429 : 403);
}

/** The name of a worker; what was changed about it is noted. */
function workerOf(c: RouteContext, login: Login, worker: string): string {
  const meant = namedWorker(login.address, login.suffix, worker);
  renamedWorkers.note(partLog(c.env, "stratum"), login.address, meant);
  return meant.name;
}

function howToConnect(c: RouteContext): Response {
  const { host, protocol } = new URL(c.req.url);
  const pool = `${protocol === "https:" ? "wss" : "ws"}://${host}`;
  const url = `${pool}/stratum`;
  const insecure = protocol === "https:" ? "" : " --allow-insecure";
  const text = `This is a stratum endpoint: it takes WebSocket connections.

  ${url}                    the login comes in the first line
  ${url}/<0xaddress>[/<worker>]

TCP miners connect through a bridge on their own network. It is one file, for Node 20 or later; its SHA-256 is at /bridge.mjs.sha256.
In Windows' PowerShell write curl.exe for curl.

  curl -fO ${protocol}//${host}/bridge.mjs
  node bridge.mjs ${pool}${insecure}

Any byte pipe does as well, for one miner:

  websocat -b tcp-l:127.0.0.1:8008 ${url}/<0xaddress>
`;
  return c.text(text, 426, { Upgrade: "websocket", Connection: "Upgrade" });
}

async function getwork(c: RouteContext): Promise<Response> {
  if (isOfAnotherPage(c)) return c.text(ANOTHER_PAGE, 403);
  const { login, worker } = minerOf(c);
  const ip = await clientOfRequest(c.req.raw, loadConfig(c.env).policy.bridgeToken, login);
  if (ip === null) return c.text(WRONG_TOKEN, 401);
  return await answerGetwork(c.env, c.req.raw, login, worker, ip);
}

import { waitUntil } from "cloudflare:workers";
import { RenamedWorkers } from "../core/policy/renamed-workers.ts";
import type { PoolConfig } from "../core/pool-config.ts";
import { InBandLogin, type InBandPeer } from "../core/session/in-band-login.ts";
import type { StrangersPlace } from "../core/session/strangers-room.ts";
import { RESTART_CLOSE, RESTART_REASONS } from "../core/session/closes.ts";
import type { Env } from "../durable-objects/env.ts";
import { accessLists } from "../durable-objects/platform/access-lists.ts";
import { ExtranonceClient } from "../durable-objects/platform/extranonce-client.ts";
import { GuardClient } from "../durable-objects/platform/guard-client.ts";
import { isolateRoom } from "../durable-objects/platform/isolate-room.ts";
import { acquaintance } from "../durable-objects/platform/known-logins.ts";
import { partLog } from "../durable-objects/platform/part-log.ts";
import { VerifierClient } from "../durable-objects/platform/verifier-client.ts";
import { systemClock } from "../durable-objects/platform/system-clock.ts";
import { closeSocket, handoverRequest, type SessionHandover } from "../durable-objects/platform/session-handover.ts";
import { heldUntilJudged } from "./held-event.ts";
import { sharedExtranonces, strangersRoom, strangersTimes, strangersWork } from "./strangers.ts";
import { ofLogin } from "../durable-objects/platform/at-home.ts";

/** Of strangers; a log line for each and isolate. */
const renamedWorkers = new RenamedWorkers();

/**
 * Accepts a WebSocket whose login comes in band, or is known to nobody yet: its login line connects it to the object of the login.
 * @param place given back when it has, or has gone
 */
export function openInBandLogin(env: Env, config: PoolConfig, from: InBandPeer, place: StrangersPlace): Response {
  const { ip, worker } = from;
  const { 0: client, 1: server } = new WebSocketPair();
  server.binaryType = "arraybuffer";
  server.accept();
  const log = partLog(env, "in-band login");
  const verifiers = new VerifierClient(env, log, {
    // A share that was accepted has made the login's object.
    refuted: (owner, name, sender) => ofLogin(env, env.MINER_SESSION, owner).refuted(name, sender, owner),
    background: (task) => void task,
  });
  let session: WebSocket | null = null;
  const login = new InBandLogin(
    config,
    {
      clock: systemClock,
      log,
      room: isolateRoom,
      guard: new GuardClient(env),
      lender: new ExtranonceClient(env, log),
      extranonces: sharedExtranonces(),
      times: strangersTimes,
      submit: heldUntilJudged(verifiers.submit),
      submitAll: heldUntilJudged(verifiers.submitAll),
      work: () => strangersWork(env),
      renamed: (owner, name) => renamedWorkers.note(log, owner, name),
      lists: () => accessLists(env, Date.now()),
      isKnown: async (owner) => (await acquaintance(env, owner, ip)) === "known",
      async connect(owner, so) {
        const ws = await connectSession(env, { owner, ip, worker, ...so }, server);
        session = ws;
        strangersRoom.giveBack(place);
        return (frame) => passOn(ws, frame);
      },
    },
    server,
    from,
    crypto.randomUUID(),
  );
  server.addEventListener("message", ({ data }) => {
    void login.receive(typeof data === "string" ? data : new Uint8Array(data));
  });
  const gone = (code: number, reason: string) => {
    strangersRoom.giveBack(place);
    closeSocket(server, code, reason);
    if (session) closeSocket(session, code, reason);
    // Nothing else keeps the Worker alive without its socket.
    waitUntil(login.gone());
  };
  server.addEventListener("close", ({ code, reason }) => gone(code, reason));
  server.addEventListener("error", () => gone(1011, "Connection lost"));
  return new Response(null, { status: 101, webSocket: client });
}

/** Opens the socket to the object of a login and passes on what comes from it. */
async function connectSession(env: Env, handover: SessionHandover, client: WebSocket): Promise<WebSocket> {
  const object = ofLogin(env, env.MINER_SESSION, handover.owner);
  const { webSocket: session } = await object.fetch(handoverRequest(handover));
  if (!session) throw new Error("the session object did not take the WebSocket");
  session.binaryType = "arraybuffer";
  session.accept();
  session.addEventListener("message", ({ data }) => passOn(client, data));
  // 1006: the object died or was moved, and nobody said goodbye.
  session.addEventListener("close", ({ code, reason }) =>
    code === 1006 ? closeSocket(client, RESTART_CLOSE, RESTART_REASONS.moved) : closeSocket(client, code, reason),
  );
  session.addEventListener("error", () => closeSocket(client, RESTART_CLOSE, RESTART_REASONS.moved));
  if (client.readyState !== WebSocket.OPEN) closeSocket(session, 1000, "Client gone");
  return session;
}

/** To a socket that may have closed in the same moment: its close follows. */
function passOn(ws: WebSocket, data: string | ArrayBuffer | Uint8Array): void {
  try {
    ws.send(data);
  } catch {
    // What the one side still has to say, nobody hears.
  }
}

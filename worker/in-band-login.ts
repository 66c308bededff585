import type { Logger } from "../core/log.ts";
import type { GuardEvent } from "../core/policy/guard.ts";
import { parseLogin } from "../core/policy/login.ts";
import type { PoolConfig } from "../core/pool-config.ts";
import { handle, newSession } from "../core/stratum/handle.ts";
import { afterLines, joinBytes, splitLines } from "../core/stratum/line-splitter.ts";
import { loginOf } from "../core/stratum/messages.ts";
import type { SessionContext, SessionEffect, SessionInput, SessionState } from "../core/stratum/session.ts";
import type { WorkSnapshot } from "../core/work/job.ts";
import { ROOT_NAME } from "../core/work/template-tree.ts";
import { ExtranonceClient, leaseOf } from "../durable-objects/platform/extranonce-client.ts";
import { GuardClient } from "../durable-objects/platform/guard-client.ts";
import { partLog, thrown } from "../durable-objects/platform/part-log.ts";
import { handoverRequest } from "../durable-objects/platform/session-handover.ts";
import type { Env } from "../durable-objects/env.ts";

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** Accepts a WebSocket on `/stratum`, where the login comes in band. */
export function openInBandLogin(env: Env, config: PoolConfig, ip: string): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.binaryType = "arraybuffer";
  server.accept();
  void new InBandLogin(env, config, ip, server);
  return new Response(null, { status: 101, webSocket: client });
}

/**
 * A connection whose login is not known yet. The same state machine as in the login's object answers the lines before the login
 * (some dialects subscribe first); the login line and all that follows go to the object, and the two sockets are spliced.
 */
class InBandLogin {
  readonly #env: Env;
  readonly #config: PoolConfig;
  readonly #ip: string;
  readonly #client: WebSocket;
  readonly #guard: GuardClient;
  readonly #extranonces: ExtranonceClient;
  readonly #log: Logger;
  /** Session id of a client that resumes none. */
  readonly #ownId = crypto.randomUUID();
  readonly #deadline: ReturnType<typeof setTimeout>;
  #state: SessionState;
  #partial: Uint8Array = NOTHING;
  #work: WorkSnapshot | null = null;
  #queue: Promise<void> = Promise.resolve();
  #session: WebSocket | null = null;

  constructor(env: Env, config: PoolConfig, ip: string, client: WebSocket) {
    this.#env = env;
    this.#config = config;
    this.#ip = ip;
    this.#client = client;
    this.#guard = new GuardClient(env);
    this.#log = partLog(env, "lobby");
    this.#extranonces = new ExtranonceClient(env, this.#log);
    this.#state = newSession(this.#ownId, "", config.stratum.difficulty);
    this.#deadline = setTimeout(() => this.#close(1008, "No login"), config.stratum.loginTimeoutMs);
    client.addEventListener("message", ({ data }) => {
      this.#queue = this.#queue.then(() => this.#receive(data)).catch((error: unknown) => this.#fail(error));
    });
    client.addEventListener("close", ({ code, reason }) => this.#clientGone(code, reason));
    client.addEventListener("error", () => this.#clientGone(1011, "Connection lost"));
  }

  async #receive(data: string | ArrayBuffer): Promise<void> {
    if (this.#session) return this.#session.send(data);
    if (this.#state.closed) return;
    const bytes = joinBytes(this.#partial, typeof data === "string" ? encoder.encode(data) : new Uint8Array(data));
    const { lines, rest, oversized } = splitLines(NOTHING, bytes);
    this.#partial = rest;
    for (const [index, text] of lines.entries()) {
      const login = parseLogin(loginOf(text) ?? "");
      // The login and whatever follows it are for the object to judge, as they came.
      if (login) return await this.#splice(login.address, afterLines(bytes, index));
      await this.#feed({ kind: "line", text });
      if (this.#state.closed) return;
    }
    if (oversized) await this.#feed({ kind: "oversized" });
  }

  async #feed(input: SessionInput): Promise<void> {
    const { state, effects } = handle(this.#state, input, await this.#context(), Date.now());
    this.#state = state;
    for (const effect of effects) await this.#perform(effect);
  }

  async #perform(effect: SessionEffect): Promise<void> {
    switch (effect.kind) {
      case "send":
        return this.#client.send(`${effect.line}\n`);
      case "close":
        return this.#close(1008, effect.reason);
      case "report":
        return await this.#report(effect.event);
      case "allocate":
        return await this.#feed({ kind: "extranonce", value: await this.#extranonces.acquire(this.#state.id) });
      case "authenticate":
      case "verify":
        // A login line never reaches this state machine, so neither do these.
        throw new Error(`unexpected ${effect.kind} before the login`);
    }
  }

  async #report(event: GuardEvent): Promise<void> {
    const { allowed } = await this.#guard.report(this.#ip, event);
    if (!allowed) this.#close(1008, "Refused");
  }

  async #context(): Promise<SessionContext> {
    const { chain, stratum, work } = this.#config;
    const { difficulty, vardiff, timeoutMs } = stratum;
    this.#work ??= await this.#env.BLOCK_TEMPLATE.getByName(ROOT_NAME).snapshot();
    return { work: this.#work, maxWorkAgeMs: work.maxAgeMs, difficulty, vardiff, chain, timeoutMs, owner: null };
  }

  /** Connects to the object of the login and passes everything on, both ways, from its first unhandled byte. */
  async #splice(owner: string, bytes: Uint8Array): Promise<void> {
    clearTimeout(this.#deadline);
    const { id, dialect, extranonce } = this.#state;
    const begun = dialect === null ? null : { id, dialect, extranonce };
    const request = handoverRequest({ owner, ip: this.#ip, worker: "", begun });
    const { webSocket: session } = await this.#env.MINER_SESSION.getByName(owner).fetch(request);
    if (!session) throw new Error("the session object did not take the WebSocket");
    session.binaryType = "arraybuffer";
    session.accept();
    session.addEventListener("message", ({ data }) => this.#client.send(data));
    // 1006: the object died or was moved, and nobody said goodbye.
    session.addEventListener("close", ({ code, reason }) =>
      code === 1006 ? this.#close(1012, "Please reconnect") : this.#close(code, reason),
    );
    session.addEventListener("error", () => this.#close(1012, "Please reconnect"));
    this.#session = session;
    session.send(bytes);
    if (this.#client.readyState !== WebSocket.OPEN) session.close(1000, "Client gone");
  }

  #clientGone(code: number, reason: string): void {
    this.#close(code, reason);
    if (this.#session) return closeSocket(this.#session, code, reason);
    // The object of the login gives it back where there was one; a resumed session may be alive elsewhere.
    const lease = this.#state.id === this.#ownId ? leaseOf(this.#state) : null;
    if (lease) void this.#extranonces.release(lease);
  }

  #close(code: number, reason: string): void {
    clearTimeout(this.#deadline);
    this.#state = { ...this.#state, closed: true };
    closeSocket(this.#client, code, reason);
  }

  #fail(error: unknown): void {
    this.#log.warn("a connection before its login failed", { ip: this.#ip, error: thrown(error) });
    this.#close(1012, "Please reconnect");
  }
}

function closeSocket(ws: WebSocket, code: number, reason: string): void {
  try {
    // These three codes must not be sent.
    ws.close(code === 1005 || code === 1006 || code === 1015 ? 1000 : code, reason);
  } catch {
    // Closed already.
  }
}

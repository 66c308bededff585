import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ShareCounter, type MinerStats, type ShareCounts } from "../bridge-stats.ts";
import { refusal, type GetworkForwarder } from "./getwork-forwarder.ts";
import { minerOfPath } from "../../../core/policy/login.ts";
import { parseObject } from "../json.ts";
import { readLogin, parseMinerLine, type Login } from "../miner-side/miner-line.ts";
import type { BridgeLog } from "../options.ts";

/** A request is some 270 bytes. */
const MAX_BODY_BYTES = 4096;
/** From the first byte to the last of a request. */
const REQUEST_MS = 10_000;
/** As geth's own server has it: a rig may be silent between two shares for longer than Node's 5 s, and its share must not meet a connection that closes. */
const IDLE_MS = 120_000;
/** HTTP miners poll twice a second; one that has not come back for this long has left. */
const FORGET_AFTER_MS = 60_000;

interface Rig {
  readonly remote: string;
  readonly login: Login;
  readonly connectedAtMs: number;
  seenAtMs: number;
  lastShareAtMs: number | null;
  readonly shares: ShareCounter;
  pendingShares: number;
}

/**
 * Plain HTTP getwork for the LAN. ethminer, for one, speaks HTTP/1.0 without TLS, cannot read chunked bodies, and takes any
 * status but 200 as a reason to connect again at once, hundreds of times a second (docs/protocol.md, section 3).
 */
export class GetworkServer {
  readonly #forwarder: GetworkForwarder;
  readonly #rigs = new Map<string, Rig>();
  readonly #departed = new ShareCounter();
  /** Open connections, oldest first, and whether a request of theirs is being answered. */
  readonly #connections = new Map<Socket, boolean>();
  readonly #maxConnections: number;
  readonly #log: BridgeLog;
  #requests = 0;

  constructor(forwarder: GetworkForwarder, maxConnections: number, log: BridgeLog) {
    this.#forwarder = forwarder;
    this.#maxConnections = maxConnections;
    this.#log = log;
  }

  /** A server that is not listening yet. */
  createServer(): Server {
    const server = createServer(
      { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, keepAliveTimeout: IDLE_MS, maxHeaderSize: 8192 },
      (request, response) => this.#onRequest(request, response),
    );
    server.on("connection", (socket: Socket) => this.#onConnection(socket));
    return server;
  }

  get requests(): number {
    return this.#requests;
  }

  /** Shares of rigs that have left. */
  get departed(): ShareCounts {
    return this.#departed.counts;
  }

  /** The rigs that have been here of late. */
  get rigs(): readonly MinerStats[] {
    this.#forgetOld();
    return [...this.#rigs.values()].map(({ shares: { counts }, ...rig }) => ({
      remote: rig.remote,
      login: rig.login.address,
      worker: rig.login.worker,
      state: "getwork",
      pool: null,
      connectedAtMs: rig.connectedAtMs,
      lastShareAtMs: rig.lastShareAtMs,
      pendingShares: rig.pendingShares,
      reconnects: 0,
      reportedHashrate: null,
      accepted: counts.accepted,
      rejected: counts.rejected,
      reasons: counts.reasons,
    }));
  }

  /** Where there are too many, the one that has been silent for longest makes way. */
  #onConnection(socket: Socket): void {
    this.#connections.set(socket, false);
    socket.once("close", () => this.#connections.delete(socket));
    if (this.#connections.size <= this.#maxConnections) return;
    const silent = [...this.#connections].find(([, busy]) => !busy)?.[0] ?? socket;
    if (silent === socket) this.#log.warn({ miner: socket.remoteAddress }, "too many miners; connection refused");
    silent.destroy();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    this.#connections.set(request.socket, true);
    response.once("close", () => {
      if (this.#connections.has(request.socket)) this.#connections.set(request.socket, false);
    });
    if (request.method !== "POST") {
      answer(response, 405, "HTTP getwork takes POST /<0xaddress>[/<worker>]\n");
      return;
    }
    let body = "";
    request.setEncoding("latin1");
    request.on("data", (chunk: string) => (body += body.length > MAX_BODY_BYTES ? "" : chunk));
    request.on("error", () => response.destroy());
    request.on("end", () => {
      if (body.length > MAX_BODY_BYTES) answer(response, 413, `Body over ${MAX_BODY_BYTES} bytes\n`);
      else void this.#onBody(request, response, Buffer.from(body, "latin1").toString());
    });
  }

  async #onBody(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
    this.#requests += 1;
    const url = request.url ?? "";
    const login = readPath(url, "");
    const call = parseMinerLine(body);
    if (call === null || call.kind === "answer") {
      answer(response, 200, refusal(parseObject(body)?.["id"], -1, "Malformed request"));
    } else if (login === null) {
      answer(response, 200, refusal(call.request.id, -1, "Invalid login"));
    } else {
      const host = request.socket.remoteAddress ?? "?";
      // The pool credits the name in the request before that in the URL; the request goes to the URL that it came to.
      const rig = this.#rig(host, readPath(url, call.request.body["worker"]) ?? login);
      if (call.kind === "submit") rig.pendingShares += 1;
      const onFate = (rejection: string | null): void => {
        rig.pendingShares -= 1;
        rig.lastShareAtMs = Date.now();
        rig.shares.count(rejection);
      };
      const abandoned = (): boolean => response.destroyed;
      answer(response, 200, await this.#forwarder.forward({ login, line: call, text: body, host, abandoned, onFate }));
    }
  }

  #rig(remote: string, login: Login): Rig {
    this.#forgetOld();
    const key = `${remote} ${login.address} ${login.worker ?? ""}`;
    const nowMs = Date.now();
    const rig = this.#rigs.get(key) ?? {
      remote,
      login,
      connectedAtMs: nowMs,
      seenAtMs: nowMs,
      lastShareAtMs: null,
      shares: new ShareCounter(),
      pendingShares: 0,
    };
    rig.seenAtMs = nowMs;
    // The map is in the order of the last visit.
    this.#rigs.delete(key);
    this.#rigs.set(key, rig);
    return rig;
  }

  #forgetOld(): void {
    const oldestMs = Date.now() - FORGET_AFTER_MS;
    for (const [key, rig] of this.#rigs) {
      if (rig.seenAtMs >= oldestMs) return;
      if (rig.pendingShares > 0) continue;
      this.#departed.add(rig.shares.counts);
      this.#rigs.delete(key);
    }
  }
}

/** Who mines, by the URL as the pool would read it. @param worker beside the request, which goes before the URL's */
function readPath(url: string, worker: unknown): Login | null {
  const named = minerOfPath(url.split("?")[0] ?? "");
  return readLogin(named.login, worker, named.worker);
}

function answer(response: ServerResponse, status: number, text: string): void {
  if (response.destroyed) return;
  const headers = {
    "Content-Type": status === 200 ? "application/json" : "text/plain",
    "Content-Length": Buffer.byteLength(text),
    ...(status === 405 ? { Allow: "POST" } : {}),
  };
  response.writeHead(status, headers).end(text);
}

import { once } from "node:events";
import { connect } from "node:net";
import { WebSocket } from "ws";
import { VERSION } from "../../core/version.ts";
import { noAnswer, strangeAnswer, type Trouble } from "./strange-answer.ts";

/** A miner's connection, lines both ways. */
export interface LineSocket {
  send(line: string): void;
  /** The next line; null when the other side has closed, or after `timeoutMs` of silence. */
  next(timeoutMs: number): Promise<string | null>;
  /** Why the other side closed; null while it is open or where it said nothing. */
  readonly goodbye: string | null;
  close(): void;
}

/** A connection, or why there is none. */
export type Opened =
  | { readonly kind: "open"; readonly socket: LineSocket }
  | { readonly kind: "trouble"; readonly trouble: Trouble };

class Lines implements LineSocket {
  goodbye: string | null = null;
  readonly #write: (text: string) => void;
  readonly #end: () => void;
  readonly #lines: string[] = [];
  #rest = "";
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(write: (text: string) => void, end: () => void) {
    this.#write = write;
    this.#end = end;
  }

  send(line: string): void {
    if (!this.#ended) this.#write(`${line}\n`);
  }

  received(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    this.#lines.push(...lines.filter((line) => line.trim() !== ""));
    this.#wake?.();
  }

  ended(why: string | null): void {
    this.goodbye ??= why;
    this.#ended = true;
    this.#wake?.();
  }

  async next(timeoutMs: number): Promise<string | null> {
    if (this.#lines.length === 0 && !this.#ended) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, timeoutMs);
      });
      clearTimeout(timer);
      this.#wake = null;
    }
    return this.#lines.shift() ?? null;
  }

  close(): void {
    this.#end();
  }
}

const NO_SOCKET: Trouble = {
  found: "the request for a WebSocket is answered as if it were none",
  fix: "Network, WebSockets must be on for the zone; another proxy in front has to pass `Upgrade` on",
};

/** What an answer to an upgrade means that opened nothing. @param status of HTTP */
function refusedUpgrade(status: number, body: string): Trouble {
  if (status === 401)
    return { found: "the bridge token is not the pool's", fix: "BRIDGE_TOKEN must be the pool's secret" };
  if (status === 403)
    return {
      found: `this address is refused: ${body.trim() || "status 403"}`,
      fix: "if the pool bans it: npm run -s admin -- <pool> bans, then lift <client> --note …; else what stands in front of the pool refuses it",
    };
  if (status === 429)
    return {
      found: `too many connections from this address: ${body.trim()}`,
      fix: "policy.limits.limit, or whitelist the address",
    };
  return status === 426 || status === 200
    ? NO_SOCKET
    : {
        found: `the upgrade is answered with ${status}`,
        fix: "/health says what is wrong; else what stands in front of the pool",
      };
}

/** Opens a WebSocket as a bridge does. */
export async function openWebSocket(
  url: string,
  timeoutMs: number,
  headers: Readonly<Record<string, string>>,
): Promise<Opened> {
  const agent = { "User-Agent": `edgepool-doctor/${VERSION}` };
  const socket = new WebSocket(url, {
    handshakeTimeout: timeoutMs,
    perMessageDeflate: false,
    headers: { ...agent, ...headers },
  });
  const lines = new Lines(
    (text) => socket.send(text),
    () => socket.close(1000),
  );
  socket.on("message", (data) => lines.received(Buffer.isBuffer(data) ? data.toString("utf8") : ""));
  socket.on("close", (code, reason) => lines.ended(reason.toString() || `code ${code}`));
  return await new Promise<Opened>((resolve) => {
    socket.once("open", () => resolve({ kind: "open", socket: lines }));
    socket.on("error", (error) => resolve({ kind: "trouble", trouble: noAnswer(error, timeoutMs) }));
    socket.once("unexpected-response", (_request, response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => (body = (body + text).slice(0, 65_536)));
      response.on("close", () => {
        const status = response.statusCode ?? 0;
        const flat = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
        const strange = strangeAnswer({ status, headers: Object.fromEntries(flat), body });
        resolve({ kind: "trouble", trouble: strange ?? refusedUpgrade(status, body) });
        socket.terminate();
      });
    });
  });
}

/** Opens a TCP connection to a bridge on this machine. */
export async function openTcp(port: number, timeoutMs: number): Promise<Opened> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  socket.setEncoding("utf8");
  const lines = new Lines(
    (text) => void socket.write(text),
    () => socket.destroy(),
  );
  socket.on("data", (text: string) => lines.received(text));
  socket.on("error", (error) => lines.ended(error.message));
  socket.on("close", () => lines.ended(null));
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(timeoutMs) });
    return { kind: "open", socket: lines };
  } catch (error) {
    socket.destroy();
    return { kind: "trouble", trouble: noAnswer(error, timeoutMs) };
  }
}

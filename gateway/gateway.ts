import { timingSafeEqual, createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { getRequestListener } from "@hono/node-server";
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { commandRights, type CommandRights } from "./command-rights.ts";
import { connectRedis, RedisGoneError, type RedisConnection } from "./redis-connection.ts";
import { checkSettings, type SettingNotice } from "./redis-settings.ts";
import { errorBody, listBody, outcomeBody, replyWriter } from "./reply-text.ts";
import { parseUpstashRequest, type UpstashRequest } from "./upstash-request.ts";

/** Settings of a gateway. */
export interface GatewayOptions {
  readonly redis: { readonly socketPath: string } | { readonly url: string };
  /** Reads and writes. */
  readonly token: string;
  /** Reads only; null: nobody does. */
  readonly readToken: string | null;
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** PEM; null: plain HTTP, for a tunnel or a proxy on the same machine. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

/** A gateway that runs. */
export interface Gateway {
  readonly url: string;
  /** What of the server's settings is worth a word, though the books are safe. */
  readonly notices: readonly SettingNotice[];
  close(): Promise<void>;
}

/** Upstash's limit of a request, bytes. */
const BODY_LIMIT = 10 * 1024 * 1024;
/** Commands of one request: each is answered before the body can end. */
const MOST_COMMANDS = 10_000;
const REQUEST_MS = 60_000;
const HEADERS_MS = 10_000;
/**
 * How long a connection waits for its next request. Cloudflare keeps an idle one for 900 s and cloudflared for 90; Node's default of 5 s would close it
 * under a request that is on its way, which the pool then sees fail and does not know whether it was carried out.
 */
const IDLE_MS = 910_000;
const MOST_CONNECTIONS = 512;

/**
 * Starts Upstash's REST protocol in front of a Redis server that keeps a pool's books.
 * @throws Error where Redis is not there, or would lose what it acknowledged: its settings are read before the port opens
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const redis = await connectRedis(options.redis);
  let server: Server;
  let notices: readonly SettingNotice[];
  try {
    notices = await checkSettings(redis);
    server = listener(options, application(options, redis, await commandRights(redis)));
    server.listen(options.port, options.host);
    await once(server, "listening");
  } catch (error) {
    redis.close();
    throw error;
  }
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  return {
    url: `${options.tls === null ? "http" : "https"}://${options.host}:${port}`,
    notices,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      redis.close();
    },
  };
}

function listener({ tls }: GatewayOptions, app: Hono): Server {
  const handle = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const limits = { requestTimeout: REQUEST_MS, headersTimeout: HEADERS_MS, keepAliveTimeout: IDLE_MS };
  const server =
    tls === null
      ? createServer(limits, (request, response) => void handle(request, response))
      : createTlsServer({ ...limits, ...tls }, (request, response) => void handle(request, response));
  server.maxConnections = MOST_CONNECTIONS;
  return server;
}

type Access = "readWrite" | "read";

function application({ token, readToken }: GatewayOptions, redis: RedisConnection, rights: CommandRights): Hono {
  const tooLong = bodyLimit({
    maxSize: BODY_LIMIT,
    onError: () => answer(413, errorBody("ERR max request size exceeded"), LAST),
  });
  return new Hono()
    .get("/healthz", async () => {
      const [pong] = await redis.pipeline([["PING"]]).catch(() => []);
      return Buffer.isBuffer(pong)
        ? answer(200, '{"ok":true}', LAST)
        : answer(503, errorBody("no connection to Redis"), LAST);
    })
    .on(["GET", "POST", "PUT"], "*", tooLong, async (context) => {
      const access = accessOf(context, token, readToken);
      if (access === null) return answer(401, errorBody("WRONGPASS invalid or missing auth token"), LAST);
      const asked = parseUpstashRequest(new URL(context.req.url), await context.req.text());
      const refused = refusalOf(asked, access, rights);
      if (refused !== null) return answer(400, errorBody(refused));
      return await run(asked, redis, context.req.header("upstash-encoding") === "base64");
    })
    .all("*", () => answer(405, errorBody("Method not allowed"), LAST));
}

/** By a header only: a token in a URL is in every log on the way. */
function accessOf({ req }: Context, token: string, readToken: string | null): Access | null {
  const given = /^Bearer (.+)$/i.exec(req.header("authorization") ?? "")?.[1] ?? "";
  // Both are compared, whatever the first says: the time tells nothing.
  const [mayWrite, mayRead] = [same(given, token), readToken !== null && same(given, readToken)];
  return mayWrite ? "readWrite" : mayRead ? "read" : null;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
const same = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));

function refusalOf(asked: UpstashRequest, access: Access, rights: CommandRights): string | null {
  if (asked.kind === "invalid") return asked.reason;
  const commands = asked.kind === "command" ? [asked.command] : asked.commands;
  if (commands.length > MOST_COMMANDS) return `ERR at most ${MOST_COMMANDS} commands in a request`;
  for (const command of commands) {
    const right = rights.of(command);
    if (right === "nobody" || (access === "read" && right !== "read"))
      return `NOPERM this token may not run '${(command[0] ?? "").toLowerCase()}'`;
  }
  return null;
}

async function run(asked: UpstashRequest, redis: RedisConnection, base64: boolean): Promise<Response> {
  const write = replyWriter(base64);
  try {
    switch (asked.kind) {
      case "invalid":
        return answer(400, errorBody(asked.reason));
      case "command": {
        const [result = null] = await redis.pipeline([asked.command]);
        return answer(result instanceof Error ? 400 : 200, outcomeBody(result, write));
      }
      case "pipeline":
        return answer(200, listBody(await redis.pipeline(asked.commands), write));
      case "transaction": {
        const results = await redis.transaction(asked.commands);
        return Array.isArray(results)
          ? answer(200, listBody(results, write))
          : answer(400, outcomeBody(results, write));
      }
    }
  } catch (failure) {
    if (!(failure instanceof RedisGoneError)) throw failure;
    return answer(503, errorBody(`ERR no connection to Redis: ${failure.message}`));
  }
}

/** Of an answer after which the connection is closed: whoever has no token holds none of them. */
const LAST = { connection: "close" };

function answer(status: number, body: string, more: Readonly<Record<string, string>> = {}): Response {
  const headers = { "content-type": "application/json", "cache-control": "no-store", ...more };
  return new Response(body, { status, headers });
}

import { timingSafeEqual } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { HttpBindings } from "@hono/node-server";
import { Hono, type Context, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cutConnection, NO_ANSWER, RestartableServer } from "../restartable-server.ts";
import { connectRedis, RedisGoneError, type RedisConnection } from "../../gateway/redis-connection.ts";
import { errorBody, isList, listBody, outcomeBody, replyWriter } from "../../gateway/reply-text.ts";
import { parseUpstashRequest } from "../../gateway/upstash-request.ts";
import { startRedisServer, type RedisServer } from "./redis-server.ts";

/** Settings of a gateway. */
export interface GatewayOptions {
  /** The Redis server behind it. */
  readonly redis: { readonly socketPath: string } | { readonly url: string };
  readonly token?: string;
  readonly host?: string;
  /** 0: a free one. */
  readonly port?: number;
}

/** What is wrong between the pool and its Redis at the moment; set members while the gateway runs. */
interface GatewayFaults {
  /** Every answer comes this much later, after the commands ran. */
  delayMs: number;
  /** Requests are read, carried out and never answered. */
  hang: boolean;
  /** Every request gets this status, and nothing is carried out; 0: off. */
  status: number;
  /** The connection of this many requests is cut before anything is carried out; counts down. */
  cutBefore: number;
  /** The connection of this many requests is cut after the commands ran; counts down. */
  cutAfter: number;
}

/** A running Upstash REST API in front of a Redis server. */
export interface UpstashGateway {
  readonly url: string;
  readonly token: string;
  readonly faults: GatewayFaults;
  /** HTTP requests that reached Redis, and the commands that they carried (those inside scripts are not among them). */
  readonly counts: { readonly requests: number; readonly commands: number };
  stopListening(): Promise<void>;
  startListening(): Promise<void>;
  close(): Promise<void>;
}

/** Upstash's limit of a request. */
const BODY_LIMIT = 10 * 1024 * 1024;

/** Starts a gateway. @throws Error when Redis is not there or the port is taken */
export async function startUpstashGateway(options: GatewayOptions): Promise<UpstashGateway> {
  const gateway = new Gateway(options, await connectRedis(options.redis));
  await gateway.startListening();
  return gateway;
}

/**
 * A gateway with a private Redis server behind it: everything that a test needs to have an Upstash.
 * @param keptIn folder where the books outlive it; null: nothing does
 */
export async function startLocalUpstash(
  options: Omit<GatewayOptions, "redis"> = {},
  keptIn: string | null = null,
): Promise<{
  gateway: UpstashGateway;
  redis: RedisServer;
  close(): Promise<void>;
}> {
  const redis = await startRedisServer(keptIn);
  const gateway = await startUpstashGateway({ ...options, redis }).catch(async (failure: unknown) => {
    await redis.stop();
    throw failure;
  });
  const close = async (): Promise<void> => {
    await gateway.close();
    await redis.stop();
  };
  return { gateway, redis, close };
}

class Gateway implements UpstashGateway {
  readonly token: string;
  readonly faults: GatewayFaults = { delayMs: 0, hang: false, status: 0, cutBefore: 0, cutAfter: 0 };
  readonly counts = { requests: 0, commands: 0 };
  readonly #redis: RedisConnection;
  readonly #server: RestartableServer;

  constructor(options: GatewayOptions, redis: RedisConnection) {
    this.token = options.token ?? "local-token";
    this.#redis = redis;
    this.#server = new RestartableServer(options.host ?? "127.0.0.1", options.port ?? 0, this.#application().fetch);
  }

  get url(): string {
    return this.#server.url;
  }

  startListening(): Promise<void> {
    return this.#server.start();
  }

  stopListening(): Promise<void> {
    return this.#server.stop();
  }

  async close(): Promise<void> {
    await this.#server.stop();
    this.#redis.close();
  }

  #application(): Hono<{ Bindings: HttpBindings }> {
    const tooLong = bodyLimit({
      maxSize: BODY_LIMIT,
      onError: () => answer(413, errorBody("ERR max request size exceeded")),
    });
    const authorised: MiddlewareHandler = async (c, next) =>
      this.#authorised(c) ? next() : answer(401, errorBody("WRONGPASS invalid or missing auth token"));
    return new Hono<{ Bindings: HttpBindings }>()
      .use(async (c, next) => {
        const { faults } = this;
        if (take(faults, "cutBefore")) return cutConnection(c.env);
        if (faults.status !== 0) return answer(faults.status, errorBody("the gateway is unwell"));
        await next();
        if (faults.delayMs > 0) await sleep(faults.delayMs);
        if (take(faults, "cutAfter")) c.res = cutConnection(c.env);
        else if (faults.hang) c.res = NO_ANSWER;
        return c.res;
      })
      .on(["GET", "POST", "PUT"], "*", authorised, tooLong, (c) => this.#answer(c))
      .all("*", () => answer(405, errorBody("Method not allowed")));
  }

  async #answer({ req }: Context): Promise<Response> {
    const asked = parseUpstashRequest(new URL(req.url), await req.text());
    if (asked.kind === "invalid") return answer(400, errorBody(asked.reason));
    const write = replyWriter(req.header("upstash-encoding") === "base64");
    this.counts.requests++;
    this.counts.commands += asked.kind === "command" ? 1 : asked.commands.length;
    try {
      switch (asked.kind) {
        case "command": {
          const [result = null] = await this.#redis.pipeline([asked.command]);
          return answer(result instanceof Error ? 400 : 200, outcomeBody(result, write));
        }
        case "pipeline": {
          const results = await this.#redis.pipeline(asked.commands);
          return answer(200, listBody(results, write));
        }
        case "transaction": {
          const results = await this.#redis.transaction(asked.commands);
          if (!isList(results)) return answer(400, outcomeBody(results, write));
          return answer(200, listBody(results, write));
        }
      }
    } catch (failure) {
      if (!(failure instanceof RedisGoneError)) throw failure;
      return answer(503, errorBody(`ERR no connection to Redis: ${failure.message}`));
    }
  }

  #authorised({ req }: Context): boolean {
    const given = Buffer.from(
      /^Bearer (.+)$/i.exec(req.header("authorization") ?? "")?.[1] ?? req.query("_token") ?? "",
    );
    const wanted = Buffer.from(this.token);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }
}

function take(faults: GatewayFaults, counter: "cutBefore" | "cutAfter"): boolean {
  if (faults[counter] <= 0) return false;
  faults[counter]--;
  return true;
}

function answer(status: number, body: string): Response {
  return new Response(body, { status, headers: { "content-type": "application/json" } });
}

// An Upstash REST API in front of a real Redis: npm run -s devnet -- upstash-gateway --redis redis://127.0.0.1:6379
import { once } from "node:events";
import { Command } from "commander";
import { startLocalUpstash, startUpstashGateway } from "../gateway/upstash-gateway.ts";
import { redisUrl, wholeNumber } from "./arguments.ts";
import { failed } from "./failure.ts";

const options = new Command("devnet-upstash")
  .description("Upstash REST API in front of a Redis server")
  .option(
    "--redis <url>",
    "redis://… of a running server; without it a private one is started, and forgotten at the end",
    redisUrl,
  )
  .option("--port <number>", "port to listen on; 0: a free one", wholeNumber, 0)
  .option("--token <text>", "bearer token", "local-token")
  .parse()
  .opts<{ redis?: string; port: number; token: string }>();

const { redis: url, ...rest } = options;
const end = (error: unknown): never => failed("devnet-upstash", error);
const local = url === undefined ? await startLocalUpstash(rest).catch(end) : null;
const gateway = local?.gateway ?? (await startUpstashGateway({ redis: { url: url ?? "" }, ...rest }).catch(end));
console.log(`UPSTASH_REDIS_REST_URL=${gateway.url}\nUPSTASH_REDIS_REST_TOKEN=${gateway.token}`);
await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
await (local ?? gateway).close();

/** `npm run gateway -- --redis …`: Upstash's REST protocol in front of a Redis that keeps a pool's books. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { startGateway, type GatewayOptions } from "./gateway.ts";

const HELP = `
Tokens are read from the environment: GATEWAY_TOKEN reads and writes (the pool's UPSTASH_REDIS_REST_TOKEN), GATEWAY_READ_TOKEN only reads.
Each has at least 16 characters and is its own. A password of Redis is part of --redis, or read from REDIS_URL.
Without a certificate it speaks plain HTTP: for a Cloudflare Tunnel on the same machine or network, and nothing else.
The server's persistence is read first; a Redis that would lose what it acknowledged is refused.

Examples
  GATEWAY_TOKEN=… npm run gateway -- --redis redis://127.0.0.1:6379
  GATEWAY_TOKEN=… npm run gateway -- --redis unix:/run/redis/redis.sock --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem`;

const LEAST_TOKEN = 16;

interface Flags {
  readonly redis: string;
  readonly host: string;
  readonly port: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

function portNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError("a port");
  return Number(text);
}

/** @throws Error where it is missing or short; it is not shown */
function tokenOf(name: string, needed: boolean): string | null {
  const token = process.env[name] ?? "";
  if (token === "" && !needed) return null;
  if (token.length < LEAST_TOKEN || /\s/.test(token))
    throw new Error(
      `${name}: found ${token === "" ? "nothing" : "something too short or with spaces"}, allowed: at least ${LEAST_TOKEN} characters without spaces`,
    );
  return token;
}

async function optionsOf({ redis, host, port, tlsCert, tlsKey }: Flags): Promise<GatewayOptions> {
  const [token, readToken] = [tokenOf("GATEWAY_TOKEN", true) ?? "", tokenOf("GATEWAY_READ_TOKEN", false)];
  if (token === readToken)
    throw new Error("GATEWAY_READ_TOKEN: found the text of GATEWAY_TOKEN, allowed: one of its own");
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw new Error("--tls-cert and --tls-key go together");
  const tls =
    tlsCert === undefined || tlsKey === undefined
      ? null
      : { cert: await readFile(tlsCert, "utf8"), key: await readFile(tlsKey, "utf8") };
  const address = redis.startsWith("unix:") ? { socketPath: redis.slice("unix:".length) } : { url: redis };
  return { redis: address, token, readToken, host, port, tls };
}

async function run(flags: Flags): Promise<void> {
  const gateway = await startGateway(await optionsOf(flags));
  process.stdout.write(`${gateway.url}\n`);
  for (const { setting, text } of gateway.notices) process.stderr.write(`gateway: ${setting}: ${text}\n`);
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  await gateway.close();
}

const program = new Command("gateway")
  .description("Upstash's REST protocol in front of a Redis server that keeps a pool's books")
  .option(
    "--redis <url>",
    "redis://, rediss:// or unix:/path/to/socket",
    process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379",
  )
  .option("--host <address>", "address to listen on", "127.0.0.1")
  .option("--port <number>", "port to listen on", portNumber, 8379)
  .option("--tls-cert <file>", "PEM certificate, with --tls-key: HTTPS")
  .option("--tls-key <file>", "PEM key of the certificate")
  .addHelpText("after", HELP)
  .action(run);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`gateway: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

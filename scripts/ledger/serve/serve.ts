import { once } from "node:events";
import { isIP } from "node:net";
import { DumpError } from "../../../core/ledger/books/dump.ts";
import { openLedger } from "../open-ledger.ts";
import { startRespServer } from "./server.ts";

/** Options of `npm run ledger -- serve`, as the command line gives them. */
interface ServeOptions {
  readonly port: string;
  readonly host: string;
  readonly write: boolean;
}

const PASSWORD = "LEDGER_SERVE_PASSWORD";

/** Offers a ledger as a Redis until it is told to end. @throws DumpError in words for the operator */
export async function serveLedger(where: string, { port, host, write }: ServeOptions): Promise<void> {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new DumpError(`"${port}" is no port`);
  if (!isLoopback(host))
    throw new DumpError(
      `"${host}" is no loopback address: the books are not opened to a network, where nothing is encrypted`,
    );
  const password = process.env[PASSWORD] ?? "";
  const ledger = await openLedger(where);
  try {
    // A token that does not fit is told now and not to the first client.
    await ledger.redis.command(["PING"]);
    const server = await startRespServer({
      ledger: ledger.redis,
      host,
      port: Number(port),
      writes: write,
      password: password === "" ? null : password,
    });
    const mode = write ? "to read and write" : "to read; --write lets clients write";
    const secret = password === "" ? `no password (${PASSWORD} in the environment sets one)` : "with a password";
    process.stdout.write(`redis://${host.includes(":") ? `[${host}]` : host}:${server.port}  ${mode}; ${secret}\n`);
    await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
    await server.close();
  } finally {
    await ledger.close();
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

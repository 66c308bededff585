import type { Server } from "node:net";
import { BridgeOptionError, type ListenAddress } from "../options.ts";

/** Rigs of the LAN connect. */
export const EVERYWHERE = "0.0.0.0";

/**
 * Opens a listening port.
 * @returns the port that it got.
 * @throws BridgeOptionError when the address is taken or may not be used, in words for the operator.
 */
export function listen(server: Server, option: string, { host = EVERYWHERE, port }: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void =>
      reject(new BridgeOptionError(option, explain(error, option, host, port)));
    server.once("error", failed);
    server.listen({ host, port }, () => {
      server.off("error", failed);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function explain(error: NodeJS.ErrnoException, option: string, host: string, port: number): string {
  if (error.code === "EADDRINUSE") return `port ${port} is already in use on ${host}; choose another with --${option}`;
  if (error.code === "EACCES")
    return `port ${port} may not be opened by this user; choose one above 1023 with --${option}`;
  if (error.code === "EADDRNOTAVAIL")
    return `${host} is not an address of this machine; choose another with --${option}`;
  return `cannot listen on ${host}:${port}, of --${option}: ${error.message}`;
}

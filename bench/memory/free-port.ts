import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** Where a server listens. */
export function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("it does not listen on a port");
  return address.port;
}

/** A port on loopback that nobody has at the moment: workerd cannot say on which one its inspector would listen. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  return port;
}

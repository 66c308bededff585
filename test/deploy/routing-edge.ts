import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** What a zone's routes do: miners' paths to one script, all others to another. */
export interface RoutingEdge {
  readonly url: string;
  close(): Promise<void>;
}

const MINERS = /^(\/stratum|\/0x)/;
const LONGEST_HEAD = 16_384;

/** A connection goes where its first request leads, byte for byte: no browser is here that would reuse it for another. */
export async function startRoutingEdge(ports: () => { miners: number; page: number }): Promise<RoutingEdge> {
  const open = new Set<Socket>();
  const kept = (socket: Socket): Socket => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    return socket.setNoDelay(true);
  };
  const server = createServer((client) => {
    kept(client);
    let head = Buffer.alloc(0);
    const look = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n");
      if (end < 0 && head.length < LONGEST_HEAD) return;
      client.off("data", look).pause();
      const [, path = "/"] = head.subarray(0, end).toString("latin1").split(" ");
      const { miners, page } = ports();
      const script = kept(connect({ host: "127.0.0.1", port: MINERS.test(path) ? miners : page }));
      script.once("connect", () => {
        script.write(head);
        client.pipe(script).pipe(client);
      });
      for (const [one, other] of [
        [client, script],
        [script, client],
      ] as const)
        one.once("close", () => other.destroy());
    };
    client.on("data", look);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

import { createServer } from "node:http";
import * as v from "valibot";

const told = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ messages: v.array(v.object({ subject: v.string(), text: v.string() })) }),
);

/** A webhook of this machine that prints what an operator would be told. */
export interface ToldReceiver {
  readonly url: string;
  close(): Promise<void>;
}

/** @param print takes one line a message */
export async function startToldReceiver(print: (line: string) => void): Promise<ToldReceiver> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const parsed = v.safeParse(told, Buffer.concat(parts).toString());
      if (parsed.success) for (const { subject, text } of parsed.output.messages) print(`told: ${subject}. ${text}`);
      response.writeHead(parsed.success ? 204 : 400).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

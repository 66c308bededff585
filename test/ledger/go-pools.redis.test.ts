/** What the programs of Go pools send, byte for byte to `npm run ledger -- serve` over the embedded ledger and to redis-server: the answers are the same. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { startRedisServer } from "../../devnet/gateway/redis-server.ts";
import { startRespServer } from "../../scripts/ledger/serve/server.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { GO_POOL_STEPS, type GoPoolStep } from "../support/go-pool-requests.ts";

type Reply = string | null | readonly Reply[];

/** A reply as it begins in the text; null while it is not whole. */
function readReply(text: string, at = 0): { reply: Reply; end: number } | null {
  const lineEnd = text.indexOf("\r\n", at);
  if (lineEnd === -1) return null;
  const [mark = "", rest] = [text[at], text.slice(at + 1, lineEnd)];
  const bodyAt = lineEnd + 2;
  if (mark === "+" || mark === "-" || mark === ":") return { reply: `${mark}${rest}`, end: bodyAt };
  const length = Number(rest);
  if (length < 0) return { reply: null, end: bodyAt };
  if (mark === "$") {
    const end = bodyAt + length + 2;
    return end > text.length ? null : { reply: text.slice(bodyAt, end - 2), end };
  }
  const items: Reply[] = [];
  let end = bodyAt;
  for (let i = 0; i < length; i++) {
    const item = readReply(text, end);
    if (item === null) return null;
    items.push(item.reply);
    end = item.end;
  }
  return { reply: items, end };
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** The pairs of a hash and the members of a set come in no order of their own. */
function ordered([name = ""]: readonly string[], reply: Reply): Reply {
  if (!Array.isArray(reply)) return reply;
  if (name === "HGETALL")
    return reply.flatMap((field, i) => (i % 2 === 0 ? [[field, reply[i + 1]]] : [])).toSorted(byText);
  if (name === "SMEMBERS") return reply.toSorted(byText);
  return name === "SCAN" ? reply.map((item) => (Array.isArray(item) ? item.toSorted(byText) : item)) : reply;
}

function orderedAll({ commands }: GoPoolStep, replies: readonly Reply[]): Reply[] {
  const inside = commands.slice(1, -1);
  return replies.map((reply, i) => {
    const command = commands[i] ?? [];
    if (command[0] !== "EXEC" || !Array.isArray(reply)) return ordered(command, reply);
    return reply.map((item, at) => ordered(inside[at] ?? [], item));
  });
}

async function ask(socket: Socket, step: GoPoolStep): Promise<Reply[]> {
  const bytes = step.commands.map(
    (words) => `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`,
  );
  socket.write(bytes.join(""));
  const replies: Reply[] = [];
  let text = "";
  while (replies.length < step.commands.length) {
    const [chunk]: unknown[] = await once(socket, "data");
    text += String(chunk);
    for (let read = readReply(text); read !== null; read = readReply(text)) {
      replies.push(read.reply);
      text = text.slice(read.end);
    }
  }
  return orderedAll(step, replies);
}

test("open-ethereum-pool, core-pool and open-etc-pool hear from serve what they would hear from Redis, and no error", async () => {
  const redis = await startRedisServer();
  const serve = await startRespServer({
    host: "127.0.0.1",
    port: 0,
    writes: true,
    password: null,
    ledger: embeddedLedger(),
  });
  const sockets = [connect(serve.port, "127.0.0.1"), connect(redis.socketPath)] as const;
  try {
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    for (const step of GO_POOL_STEPS) {
      const [ours, theirs] = [await ask(sockets[0], step), await ask(sockets[1], step)];
      expect(ours, step.what).toEqual(theirs);
      expect(JSON.stringify(ours), step.what).not.toMatch(/"-[A-Z]/);
    }
  } finally {
    for (const socket of sockets) socket.destroy();
    await serve.close();
    await redis.stop();
  }
});

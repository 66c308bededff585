/** Strangers that send a share and leave while it is judged: what they took of their isolate's room is there for the next one. */
import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import { WebSocket } from "ws";
import { ROOM } from "../../core/session/isolate-room.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { Cleanups, quietNode } from "../support/quiet-pool.ts";

const NOT_READY = "Work not ready";
const AT_ONCE = 64;
const cleanups = new Cleanups();
afterEach(() => cleanups.run());

let last = 0;

/** A login that nobody has named, at an address of its own. @returns a way to ask something and hear the answer, and the socket */
async function stranger(url: string) {
  last += 1;
  const login = `0x${last.toString(16).padStart(40, "a")}`;
  const headers = { "CF-Connecting-IP": `198.18.${last >> 6}.${(last & 63) + 1}` };
  const socket = new WebSocket(`${url.replace("http", "ws")}/stratum/${login}`, { headers });
  cleanups.add(() => socket.terminate());
  const heard: string[] = [];
  socket.on("message", (data: Buffer) => heard.push(...data.toString().split("\n")));
  await once(socket, "open");
  const ask = async (id: number, line: string): Promise<string> => {
    socket.send(`${line}\n`);
    const answer = () => heard.find((text) => text.startsWith(`{"id":${id},`));
    await expect.poll(answer, { timeout: 120_000, interval: 10 }).toBeDefined();
    return answer() ?? "";
  };
  await ask(1, `{"id":1,"method":"eth_submitLogin","params":["${login}"]}`);
  return { socket, ask };
}

it(
  "strangers that leave while their shares are judged keep no place in the isolate",
  { timeout: 600_000 },
  async () => {
    const node = await quietNode(cleanups);
    const pool = await startPool({
      stateDir: await cleanups.folder("strangers-leave"),
      // Every nonce is a share by its claim, which has to be looked into.
      vars: {
        chain: { name: "long", epochLength: 30_000 },
        difficulty: 1,
        // On a busy machine ten seconds are not enough for a login.
        stratum: { loginTimeout: "5m" },
        upstream: [{ name: "main", url: node.url }],
      },
    });
    cleanups.add(() => pool.close());
    const { url } = pool;
    const { header } = node.chain.current;
    const submit = () =>
      `{"id":2,"method":"eth_submitWork","params":["0x${last.toString(16).padStart(16, "1")}","${header}","0x${"e".repeat(64)}"]}`;
    for (let left = 0; left < ROOM.unprovenShares + AT_ONCE; left += AT_ONCE) {
      const strangers = await Promise.all(Array.from({ length: AT_ONCE }, () => stranger(url)));
      const closed = strangers.map(async ({ socket }) => {
        socket.send(`${submit()}\n`);
        // The close comes right behind the share.
        socket.close();
        await once(socket, "close");
      });
      await Promise.all(closed);
    }
    const next = await stranger(url);
    expect(await next.ask(2, submit())).not.toContain(NOT_READY);
  },
);

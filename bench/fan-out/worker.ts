// A Worker for measuring: what it costs in workerd to bring a job from one Durable Object to another when that one does nothing with it, by a
// call and through a WebSocket.
import { DurableObject } from "cloudflare:workers";
import type { Job, WorkSnapshot } from "../../core/work/job.ts";
import { workText } from "../../core/work/work-text.ts";

interface Env {
  readonly ROOT: DurableObjectNamespace<Root>;
  readonly LEAF: DurableObjectNamespace<Leaf>;
}

/** Dials at a time. */
const DIALLING = 100;
const LOOK_EVERY_MS = 1;

/** Jobs that leaves have got through sockets: all objects are of one isolate here. */
let arrived = 0;

/** Brings the jobs, as the template by calls and as a relay through sockets. */
export class Root extends DurableObject<Env> {
  readonly #sockets: WebSocket[] = [];

  /** Brings a job to so many objects by calls, all at once. @returns ms until all have answered */
  async call(leaves: number): Promise<number> {
    const startedAt = performance.now();
    const answers = Array.from({ length: leaves }, (_, index) => this.#leaf(index).pushWork(WORK));
    await Promise.all(answers);
    return performance.now() - startedAt;
  }

  /** Opens a socket into each of so many objects. */
  async dial(leaves: number): Promise<number> {
    const headers = { Upgrade: "websocket" };
    while (this.#sockets.length < leaves) {
      const from = this.#sockets.length;
      const dialled = await Promise.all(
        Array.from({ length: Math.min(DIALLING, leaves - from) }, (_, at) =>
          this.#leaf(from + at).fetch("https://leaf/", { headers }),
        ),
      );
      for (const { webSocket } of dialled) {
        if (webSocket === null) throw new Error("a leaf took no socket");
        webSocket.accept();
        this.#sockets.push(webSocket);
      }
    }
    return this.#sockets.length;
  }

  /** Brings a job through the sockets. @returns ms until the last is written, and until the last object has it */
  async send(): Promise<readonly [writtenMs: number, arrivedMs: number]> {
    arrived = 0;
    const startedAt = performance.now();
    const text = workText(WORK);
    for (const socket of this.#sockets) socket.send(text);
    const writtenMs = performance.now() - startedAt;
    while (arrived < this.#sockets.length) await scheduler.wait(LOOK_EVERY_MS);
    return [writtenMs, performance.now() - startedAt];
  }

  #leaf(index: number): DurableObjectStub<Leaf> {
    return this.env.LEAF.getByName(`leaf-${index}`);
  }
}

/** Takes a job as a session does, and leaves it at that. */
export class Leaf extends DurableObject<Env> {
  async pushWork(work: WorkSnapshot): Promise<number> {
    return work.jobs.length;
  }

  override async fetch(): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  override async webSocketMessage(): Promise<void> {
    arrived += 1;
  }
}

const job = (height: number): Job => ({
  header: `0x${"a1".repeat(32)}`,
  seed: `0x${"b2".repeat(32)}`,
  height,
  networkDifficulty: 550_853_386n,
  poolDifficulty: 1n << 33n,
  classTable: 1,
});
const WORK: WorkSnapshot = {
  sequence: 1,
  current: job(22_000_003),
  // Three heights, each recommitted a few times.
  jobs: Array.from({ length: 12 }, (_, index) => job(22_000_003 - Math.floor(index / 4))),
  confirmedAtMs: 1_700_000_000_000,
};

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const root = env.ROOT.getByName("root");
    const leaves = Number(searchParams.get("leaves"));
    if (pathname === "/call") return Response.json(await root.call(leaves));
    if (pathname === "/dial") return Response.json(await root.dial(leaves));
    return Response.json(await root.send());
  },
} satisfies ExportedHandler<Env>;

// The pool's sessions, and beside them what is the least that a share can cost in workerd: see `bench/peers.ts`, "floor".
import type { Env } from "../../../durable-objects/env.ts";
import sessions, { MinerSession as PoolSession } from "../../../worker/scripts/sessions.ts";
import type { ShareVerifier } from "../verifiers/worker.ts";

export * from "../../../worker/scripts/sessions.ts";

const FLOOR = /^\/(floor|floor-bundles)\/(0x[0-9a-f]{40})\//;

interface Submit {
  readonly id: number;
  readonly params: readonly [nonce: string, header: string];
}

interface Carried {
  readonly header: string;
  readonly nonce: string;
  readonly resolve: (isRight: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** Of all objects of the isolate: whoever comes first carries what the others bring within 25 ms. */
let waiting: Carried[] = [];

function carried(verifier: DurableObjectStub<ShareVerifier>, header: string, nonce: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    waiting.push({ header, nonce, resolve, reject });
    if (waiting.length === 1) setTimeout(() => void carry(verifier), 20);
  });
}

async function carry(verifier: DurableObjectStub<ShareVerifier>): Promise<void> {
  const taken = waiting;
  waiting = [];
  try {
    const right = await verifier.floorAll(taken.map(({ header, nonce }) => ({ header, nonce })));
    for (const [at, { resolve }] of taken.entries()) resolve(right[at] === true);
  } catch (error) {
    for (const { reject } of taken) reject(error);
  }
}

/** The pool's session; under the name of a floor a socket, a call and an answer, and nothing that a pool has to do. */
export class MinerSession extends PoolSession {
  override async fetch(request: Request): Promise<Response> {
    if (!FLOOR.test(new URL(request.url).pathname)) return await super.fetch(request);
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    if (typeof message !== "string" || this.ctx.id.name?.startsWith("floor-") !== true)
      return await super.webSocketMessage(socket, message);
    const { id, params }: Submit = JSON.parse(message);
    const [nonce, header] = params;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the class behind the binding is the one of this bench
    const verifiers = this.env.SHARE_VERIFIER as unknown as DurableObjectNamespace<ShareVerifier>;
    const one = verifiers.getByName("shard-0");
    const isBundled = this.ctx.id.name.startsWith("floor-bundles-");
    const result = id === 1 || (isBundled ? await carried(one, header, nonce) : await one.floor(header, nonce));
    socket.send(`{"id":${id},"jsonrpc":"2.0","result":${result}}\n`);
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    if (this.ctx.id.name?.startsWith("floor-") !== true) await super.webSocketClose(socket, code, reason);
  }
}

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    const [, kind, login] = FLOOR.exec(new URL(request.url).pathname) ?? [];
    if (login === undefined) return await sessions.fetch(request, env, context);
    return await env.MINER_SESSION.getByName(`${kind}-${login}`).fetch(request);
  },
};

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { WebSocket } from "ws";
import { workerds } from "../pool/process-usage.ts";

/** The machine's pages before and after a WebAssembly memory may be one mapping with it. */
const NEIGHBOURS_KB = 1_024;

/** V8 maps a WebAssembly memory as one piece. @param bytes its size @returns how much of it is resident, MB; 0 while there is none */
export async function wasmMbOf(group: number, bytes: number): Promise<number> {
  const leastKb = bytes / 1_024;
  for (const { pid } of await workerds(group)) {
    const maps = await readFile(`/proc/${pid}/smaps`, "utf8").catch(() => "");
    for (const [, size = "", resident = ""] of maps.matchAll(/^Size: +(\d+) kB\n(?:.*\n){2}Rss: +(\d+) kB/gm)) {
      if (Number(size) >= leastKb && Number(size) <= leastKb + NEIGHBOURS_KB) return Number(resident) / 1_024;
    }
  }
  return 0;
}

/** Of one script's isolate, MB. */
export interface Heap {
  readonly script: string;
  readonly usedMb: number;
  /** Buffers outside of the heap; WebAssembly memories are not among them. */
  readonly buffersMb: number;
}

const MB = 2 ** 20;
const targetsSchema = v.array(v.object({ id: v.string(), webSocketDebuggerUrl: v.string() }));
const heapSchema = v.object({
  id: v.number(),
  result: v.object({ usedSize: v.number(), backingStorageSize: v.number() }),
});

/** @param port of workerd's inspector @returns heaps of the pool's scripts as they are: with what a garbage collection would free */
export async function heapsOf(port: number): Promise<Heap[]> {
  const response = await fetch(`http://127.0.0.1:${port}/json`);
  const heaps: Heap[] = [];
  for (const { id, webSocketDebuggerUrl } of v.parse(targetsSchema, await response.json())) {
    const script = /^core:user:(.+)$/.exec(id)?.[1];
    if (script !== undefined) heaps.push({ script, ...(await heapAt(webSocketDebuggerUrl)) });
  }
  return heaps;
}

async function heapAt(url: string): Promise<Omit<Heap, "script">> {
  const socket = new WebSocket(url);
  try {
    await once(socket, "open");
    socket.send('{"id":1,"method":"Runtime.getHeapUsage"}');
    const { usedSize, backingStorageSize } = await usageIn(socket);
    return { usedMb: usedSize / MB, buffersMb: backingStorageSize / MB };
  } finally {
    socket.terminate();
  }
}

/** Its answer, past what the isolate says by itself. */
async function usageIn(socket: WebSocket) {
  for (;;) {
    const [data] = await once(socket, "message");
    const answer = v.safeParse(heapSchema, JSON.parse(String(data)));
    if (answer.success) return answer.output.result;
  }
}

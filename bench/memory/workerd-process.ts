import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import * as v from "valibot";
import { WebSocket } from "ws";
import { workerds } from "../pool/process-usage.ts";

const MB = 2 ** 20;
/** What is reserved for a WebAssembly memory to grow into ends below this; behind V8's heaps gigabytes are reserved. */
const MOST_RESERVED = 2 ** 30;

/** @param bytes size of the WebAssembly memory @returns how much of it is resident, MB; 0 while there is none */
export async function wasmMbOf(group: number, bytes: number): Promise<number> {
  const all = await Promise.all(
    (await workerds(group)).map(({ pid }) => readFile(`/proc/${pid}/smaps`, "utf8").catch(() => "")),
  );
  return Math.max(0, ...all.map((smaps) => wasmMbIn(smaps, bytes)));
}

/**
 * V8 maps a WebAssembly memory as one piece, and what it may grow into behind it. Linux may show it as one with writable pages in front of it.
 * @param smaps of a process, as Linux writes it
 * @returns as {@link wasmMbOf}
 */
export function wasmMbIn(smaps: string, bytes: number): number {
  const maps = [
    ...smaps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) (\S{4}) .*\nSize:.*\n(?:(?!Rss).*\n)*Rss: +(\d+) kB/gm),
  ].map(([, from = "", to = "", may = "", resident = ""]) => ({
    from: Number.parseInt(from, 16),
    to: Number.parseInt(to, 16),
    may,
    residentMb: Number(resident) / 1_024,
  }));
  const memories = maps.filter(({ from, to, may }, at) => {
    const behind = maps[at + 1];
    if (may !== "rw-p" || to - from < bytes || behind === undefined) return false;
    return behind.may === "---p" && behind.from === to && behind.to - behind.from < MOST_RESERVED;
  });
  const [smallest] = memories.toSorted((one, other) => one.to - one.from - (other.to - other.from));
  return Math.min(smallest?.residentMb ?? 0, bytes / MB);
}

/** @returns how many file descriptors the workerd of a group has open */
export async function descriptorsOf(group: number): Promise<number> {
  const open = (await workerds(group)).map(({ pid }) => readdir(`/proc/${pid}/fd`).catch(() => []));
  return (await Promise.all(open)).flat().length;
}

/** Of one script's isolate, MB. */
export interface Heap {
  readonly script: string;
  readonly usedMb: number;
  /** Buffers outside of the heap; WebAssembly memories are not among them. */
  readonly buffersMb: number;
}

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

// What a request to a node leaves behind in workerd, with an object that does nothing but fetch: node bench/fetch-memory.ts
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Command } from "commander";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { wholeNumber } from "../devnet/cli/arguments.ts";
import { ISOLATE_FLAGS } from "../devnet/pool-host/pool-process.ts";
import { freePort, portOf } from "./memory/free-port.ts";
import { heapsOf } from "./memory/workerd-process.ts";
import { workerdUsage } from "./pool/process-usage.ts";

const options = new Command("fetch-memory")
  .description("Heap and resident memory of workerd over many fetches of one object, for several settings of V8")
  .option("--fetches <number>", "of each setting", wholeNumber, 10_000)
  .option("--every <number>", "fetches between samples", wholeNumber, 1_000)
  .parse()
  .opts<{ fetches: number; every: number }>();

/** A heap of 32 MB; and the pool's own, which is collected from 6 MB on, and not from half of it on. */
const SETTINGS = ["--max-old-space-size=32", ISOLATE_FLAGS.join(" ")];

const SCRIPT = `
import { DurableObject } from "cloudflare:workers";
export class Fetcher extends DurableObject {
  async fetch(request) {
    const answer = await fetch(request.headers.get("node"), { method: "POST", body: "{}" });
    return new Response(await answer.text());
  }
}
export default { fetch: (request, env) => env.FETCHER.getByName("main").fetch(request) };
`;

const ANSWER = JSON.stringify({ jsonrpc: "2.0", id: 1, result: ["0x1", "0x2", "0x3"] });
/** At a time: as many as a Worker may have. */
const TOGETHER = 6;

interface Row {
  readonly fetches: number;
  readonly heapMb: number;
  readonly residentMb: number;
}

/** The group of this process, which Miniflare's workerd is in. */
async function ownGroup(): Promise<number> {
  const stat = await readFile("/proc/self/stat", "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
}

async function measure(flags: string, node: string, group: number): Promise<Row[]> {
  process.env["MINIFLARE_WORKERD_V8_FLAGS"] = flags;
  const inspectorPort = await freePort();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "fetcher",
      modules: [{ type: "ESModule", path: "index.js", contents: SCRIPT }],
      compatibilityDate: "2026-11-02",
      durableObjects: { FETCHER: { className: "Fetcher", useSQLite: true } },
      cf: false,
      inspectorPort,
      telemetry: { enabled: false },
    }),
  );
  try {
    const url = await miniflare.ready;
    const rows: Row[] = [];
    for (let fetches = 0; fetches < options.fetches;) {
      const until = Math.min(fetches + options.every, options.fetches);
      for (; fetches < until; fetches += TOGETHER) {
        const together = Array.from({ length: TOGETHER }, () => fetch(url, { headers: { node } }));
        for (const answer of await Promise.all(together)) await answer.text();
      }
      const [heap] = await heapsOf(inspectorPort);
      const { memoryMb } = await workerdUsage(group);
      rows.push({ fetches, heapMb: Math.round((heap?.usedMb ?? 0) * 10) / 10, residentMb: memoryMb });
    }
    return rows;
  } finally {
    await miniflare.dispose();
  }
}

const server = createServer((request, response) => {
  request.resume();
  response.end(ANSWER);
}).listen(0, "127.0.0.1");
await once(server, "listening");
const group = await ownGroup();
for (const flags of SETTINGS) {
  console.log(`\n${flags}`);
  console.table(await measure(flags, `http://127.0.0.1:${portOf(server)}/`, group));
}
server.closeAllConnections();
server.close();

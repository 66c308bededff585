import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { median } from "../src/bench.ts";
import type { Contender } from "./contender.ts";
import { childNamed, cpuTimed } from "./cpu-clock.ts";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** This package inside real workerd, timed from outside; what an empty request takes is subtracted. */
export async function startWorkerd(): Promise<Contender> {
  const bundle = await build({
    entryPoints: [here("workerd-worker.ts")],
    bundle: true,
    format: "esm",
    external: ["@edgepool/ethash-wasm/kernel.wasm"],
    write: false,
    target: "esnext",
  });
  const script = bundle.outputFiles[0]?.text.replaceAll("@edgepool/ethash-wasm/kernel.wasm", "./kernel.wasm") ?? "";
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "ethash-bench",
      cf: false,
      host: "127.0.0.1",
      port: 0,
      compatibilityDate: "2026-11-02",
      modules: [
        { type: "ESModule", path: "worker.js", contents: script },
        { type: "CompiledWasm", path: "kernel.wasm", contents: readFileSync(here("../dist/kernel.wasm")) },
      ],
    }),
  );
  const url = await miniflare.ready;
  const pid = childNamed("workerd");
  const timed = (task: object) =>
    cpuTimed(pid, async () => {
      const response = await fetch(url, { method: "POST", body: JSON.stringify(task) });
      const text = await response.text();
      if (!response.ok) throw new Error(`workerd answered ${response.status}: ${text}`);
      return text;
    });
  const empty: number[] = [];
  for (let request = 0; request < 20; request++) empty.push((await timed({})).milliseconds);
  const overhead = median(empty);
  return {
    name: "ethash-wasm, workerd",
    build: async (epoch) => (await timed({ build: epoch })).milliseconds - overhead,
    hash: async (work) => {
      const { milliseconds, value } = await timed({ hash: { ...work, firstNonce: String(work.firstNonce) } });
      return { milliseconds: milliseconds - overhead, lastResult: value };
    },
    stop: async () => miniflare.dispose(),
  };
}

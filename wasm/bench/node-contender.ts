import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Contender } from "./contender.ts";
import { cpuTimed } from "./cpu-clock.ts";

/** This package in a Node process. */
export function startNode(): Contender {
  const child = fork(fileURLToPath(new URL("node-child.ts", import.meta.url)), { serialization: "advanced" });
  const timed = (task: object) =>
    cpuTimed(child.pid ?? 0, async () => {
      child.send(task);
      const [answer] = await once(child, "message");
      return String(answer);
    });
  return {
    name: `ethash-wasm, Node ${process.version}`,
    build: async (epoch) => (await timed({ build: epoch })).milliseconds,
    hash: async (work) => {
      const { milliseconds, value } = await timed({ hash: work });
      return { milliseconds, lastResult: value };
    },
    stop: async () => child.disconnect(),
  };
}

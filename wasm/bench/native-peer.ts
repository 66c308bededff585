import { execFileSync, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Contender } from "./contender.ts";

/** chfast/ethash built from its source on PyPI with gcc -O3, in a process of its own; see native/. */
export function startNative(): Contender & { keccakNs(count: number): Promise<number> } {
  const directory = join(tmpdir(), "ethash-native-peer");
  execFileSync(fileURLToPath(new URL("native/build.sh", import.meta.url)), [directory], { stdio: "inherit" });
  const child = spawn(join(directory, "peer"), { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (command: string): Promise<string[]> => {
    child.stdin.write(`${command}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`the native peer ended at "${command}"`);
    return value.split(" ");
  };
  return {
    name: "chfast/ethash 1.1.0, gcc -O3",
    build: async (epoch) => Number((await ask(`build ${epoch.number}`))[0]) / 1e6,
    hash: async ({ header, firstNonce, shares, calls }) => {
      const [nanoseconds, result = ""] = await ask(`hash ${shares * calls} ${header} ${firstNonce}`);
      return { milliseconds: Number(nanoseconds) / 1e6, lastResult: result };
    },
    keccakNs: async (count) => Number((await ask(`keccak ${count}`))[0]) / count,
    stop: async () => void child.stdin.end(),
  };
}

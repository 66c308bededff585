import { execFileSync, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Contender } from "./contender.ts";

/** Reads in one sample: 1 to 6 ms, the more of them overlap the fewer. */
const READS = 62_500;
/** Steps of the two chains in one sample: 1 to 2 ms. */
const STEPS = 2_000;

export interface Native extends Contender {
  /** Nanoseconds of one read of a random row of the cache when `burst` of them overlap and nothing else is done. */
  readNs(burst: number): Promise<number>;
  /**
   * Two dependent chains of reads with 180 instructions between them, over the time with 40: about 1 where the processor
   * looks far enough ahead to overlap them, about 2 where it has only half its window, as its core's other thread is in use.
   */
  windowRatio(): Promise<number>;
}

/** chfast/ethash built from its source on PyPI with gcc -O3, in a process of its own; see native/. */
export function startNative(): Native {
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
    readNs: async (burst) => Number((await ask(`reads ${burst} ${READS}`))[0]) / READS,
    windowRatio: async () => {
      const [near, far] = await ask(`window ${STEPS}`);
      return Number(far) / Number(near);
    },
    stop: async () => void child.stdin.end(),
  };
}

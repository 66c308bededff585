import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** CPU time that all threads of a process have had, in milliseconds (Linux; exact once they sleep, else to 4 ms). */
function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return nanoseconds.reduce((sum, value) => sum + value, 0) / 1e6;
}

/** Runs work that another process does and gives the CPU time that it took there. */
export async function cpuTimed<T>(pid: number, work: () => Promise<T>): Promise<{ milliseconds: number; value: T }> {
  const before = cpuMs(pid);
  const value = await work();
  // The kernel books the last slice when the thread goes to sleep, a moment after its answer has come.
  await sleep(5);
  return { milliseconds: cpuMs(pid) - before, value };
}

/** Process of that name among our children. */
export function childNamed(name: string): number {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const [, command, parent] = /\((.*)\) \S (\d+)/.exec(statOf(entry)) ?? [];
    if (command === name && Number(parent) === process.pid) return Number(entry);
  }
  throw new Error(`no child process called ${name}`);
}

/** Empty for a process that has just ended. */
function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return "";
  }
}

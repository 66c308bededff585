import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism, constants, setPriority } from "node:os";
import { promisify } from "node:util";

const run = promisify(execFile);

/** One for the pool alone, another for its miners and attackers: what a process costs another by running beside it is then no part of what is measured. */
const PROCESSORS = { pool: 0, others: 1 } as const;

/** Whether this machine can keep them apart: it has two processors and `taskset`. */
export async function canPin(): Promise<boolean> {
  if (availableParallelism() < 2) return false;
  return await run("taskset", ["--version"]).then(
    () => true,
    () => false,
  );
}

/** Keeps this process, and what it starts from now on, away from the pool's processor. */
export async function pinOthers(): Promise<void> {
  await pin(process.pid, PROCESSORS.others);
}

/** Gives every process of a group the pool's processor, and the group its first turn there, where one may. */
export async function pinPool(group: number): Promise<void> {
  for (const pid of await membersOf(group)) await pin(pid, PROCESSORS.pool);
  await writeFile(`/proc/${group}/autogroup`, "-20").catch(() => undefined);
}

/** Keeps every process of a group away from the pool's processor. */
export async function pinEdge(group: number): Promise<void> {
  for (const pid of await membersOf(group)) await pin(pid, PROCESSORS.others);
}

/**
 * Gives this process's miners the first turn on its processor, as theirs would be elsewhere: an attacker takes no miner's processor away.
 * Not a real-time policy: V8's main thread spins until its helper threads have had a turn, which on one processor they never get from it.
 * @returns false where one may not
 */
export async function goFirst(): Promise<boolean> {
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST);
    await writeFile("/proc/self/autogroup", "-20");
    return true;
  } catch {
    return false;
  }
}

async function pin(pid: number, processor: number): Promise<void> {
  await run("taskset", ["--all-tasks", "--cpu-list", "--pid", String(processor), String(pid)]);
}

async function membersOf(group: number): Promise<number[]> {
  const members: number[] = [];
  for (const pid of await readdir("/proc")) {
    const stat = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "") : "";
    // After the name, which may hold anything: state, ppid, pgrp.
    const [, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(pgrp) === group) members.push(Number(pid));
  }
  return members;
}

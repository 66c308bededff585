import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
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
 * Lets this process go before everything else on its processor: honest miners are elsewhere, and no attacker takes their processor away.
 * @returns false where one may not
 */
export async function goFirst(): Promise<boolean> {
  return await run("chrt", ["--fifo", "--all-tasks", "--pid", "1", String(process.pid)]).then(
    () => true,
    () => false,
  );
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

import { readdir, readFile } from "node:fs/promises";

/** What processes have used until now. */
export interface Usage {
  readonly cpuSeconds: number;
  /** Resident. */
  readonly memoryMb: number;
}

/** CPU time is told in ticks of 10 ms (USER_HZ), memory in pages of 4 KB. */
const TICKS_A_SECOND = 100;
const PAGES_A_MB = 256;

/** Every workerd of a process group. */
export async function workerdUsage(group: number): Promise<Usage> {
  const sum = { cpuSeconds: 0, memoryMb: 0 };
  for (const { stat } of await workerds(group)) {
    const { cpuSeconds, memoryMb } = usageIn(stat);
    sum.cpuSeconds += cpuSeconds;
    sum.memoryMb += memoryMb;
  }
  return sum;
}

/** For how long the threads of a group's workerd have been ready to run while others had the processors, s. */
export async function workerdWaitedSeconds(group: number): Promise<number> {
  let nanoseconds = 0;
  for (const { pid } of await workerds(group))
    for (const thread of await readdir(`/proc/${pid}/task`)) {
      const schedule = await readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8").catch(() => "");
      nanoseconds += Number(schedule.split(" ")[1] ?? 0);
    }
  return nanoseconds / 1e9;
}

/** Every workerd of a process group, with its `/proc/<pid>/stat`. */
export async function workerds(group: number): Promise<{ pid: string; stat: string }[]> {
  const all: { pid: string; stat: string }[] = [];
  for (const pid of await readdir("/proc")) {
    const stat = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "") : "";
    if (stat.includes("(workerd)") && fieldsOf(stat)[2] === group) all.push({ pid, stat });
  }
  return all;
}

/** @throws Error where there is no such process */
export async function processUsage(pid: number): Promise<Usage> {
  return usageIn(await readFile(`/proc/${pid}/stat`, "utf8"));
}

/** Of all processors, s, by whatever ran on them. */
export async function machineCpuSeconds(): Promise<number> {
  const [line = ""] = (await readFile("/proc/stat", "utf8")).split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = line.trim().split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softIrq) / TICKS_A_SECOND;
}

/** After the name, which may hold anything: state, ppid, pgrp, …, utime and stime, …, rss. */
function fieldsOf(stat: string): number[] {
  return stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
}

function usageIn(stat: string): Usage {
  const fields = fieldsOf(stat);
  return {
    cpuSeconds: ((fields[11] ?? 0) + (fields[12] ?? 0)) / TICKS_A_SECOND,
    memoryMb: Math.round((fields[21] ?? 0) / PAGES_A_MB),
  };
}

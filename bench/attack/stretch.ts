import type { Effort } from "./attacks.ts";
import type { Costs } from "./counted-pool.ts";

/** Some seconds of an attack, or of none. */
export interface Stretch {
  readonly seconds: number;
  /** Honest shares. */
  readonly sent: number;
  readonly accepted: number;
  /** Of every accepted one, in the order of the answers. */
  readonly latenciesMs: readonly number[];
  /** Resident memory of the pool's workerd at the end. */
  readonly memoryMb: number;
  /** Of the pool's workerd. */
  readonly cpuSeconds: number;
  /** Of the workerd that attackers reach, where it is another one. */
  readonly edgeCpuSeconds: number;
  readonly rigsCpuSeconds: number;
  readonly attackersCpuSeconds: number;
  readonly effort: Effort;
  /** Of honest miners and attackers together. */
  readonly costs: Costs;
}

/** Several of the same kind together. */
export interface Stretches {
  readonly seconds: number;
  readonly sharesPerSecond: number;
  /** Honest shares that were refused or not answered. */
  readonly refused: number;
  /** After each. */
  readonly memoryMb: readonly number[];
  readonly cpuSeconds: number;
  readonly edgeCpuSeconds: number;
  readonly rigsCpuSeconds: number;
  readonly attackersCpuSeconds: number;
  readonly effort: Effort;
  readonly costs: Costs;
}

export function joined(all: readonly Stretch[]): Stretches {
  const sum = (of: (one: Stretch) => number) => all.reduce((sofar, one) => sofar + of(one), 0);
  const seconds = sum((one) => one.seconds);
  return {
    seconds,
    sharesPerSecond: sum(({ accepted }) => accepted) / seconds,
    refused: sum(({ sent, accepted }) => sent - accepted),
    memoryMb: all.map(({ memoryMb }) => memoryMb),
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    edgeCpuSeconds: sum(({ edgeCpuSeconds }) => edgeCpuSeconds),
    rigsCpuSeconds: sum(({ rigsCpuSeconds }) => rigsCpuSeconds),
    attackersCpuSeconds: sum(({ attackersCpuSeconds }) => attackersCpuSeconds),
    effort: {
      connections: sum(({ effort }) => effort.connections),
      bytes: sum(({ effort }) => effort.bytes),
      closed: sum(({ effort }) => effort.closed),
    },
    costs: {
      workerRequests: sum(({ costs }) => costs.workerRequests),
      objectRequests: sum(({ costs }) => costs.objectRequests),
      messages: sum(({ costs }) => costs.messages),
      rowsWritten: sum(({ costs }) => costs.rowsWritten),
      rowsRead: sum(({ costs }) => costs.rowsRead),
      commands: sum(({ costs }) => costs.commands),
      objectSeconds: sum(({ costs }) => costs.objectSeconds),
    },
  };
}

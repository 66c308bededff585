import { type Distribution, distributionOf } from "../latency/distribution.ts";

/** How much longer the slowest answers took than those that they are compared with, and how sure that is. */
export interface Comparison {
  /** Of the p99, %. */
  readonly percent: number;
  /** Nineteen of twenty such measurements would lie between these, %. */
  readonly low: number;
  readonly high: number;
}

/** Answers of about a second; those within it may be slow for one reason, so that they are drawn together. */
type Second = readonly number[];

const DRAWN = 2_000;

/** In the order in which they came. */
export function secondsOf(latenciesMs: readonly number[], aSecond: number): Second[] {
  const seconds: Second[] = [];
  for (let at = 0; at < latenciesMs.length; at += aSecond) seconds.push(latenciesMs.slice(at, at + aSecond));
  return seconds;
}

export function latencyOf(seconds: readonly Second[]): Distribution {
  const all = seconds.flat();
  return distributionOf(all.length > 0 ? all : [Number.NaN]);
}

/** A bootstrap: what the p99s would be if other seconds of the same kind had been seen. */
export function compare(measured: readonly Second[], control: readonly Second[]): Comparison {
  const drawn = Array.from({ length: DRAWN }, () => over(redrawn(measured), redrawn(control))).toSorted(
    (a, b) => a - b,
  );
  const at = (part: number) => Math.round(drawn[Math.floor(part * DRAWN)] ?? Number.NaN);
  return { percent: Math.round(over(measured, control)), low: at(0.025), high: at(0.975) };
}

function over(measured: readonly Second[], control: readonly Second[]): number {
  return (latencyOf(measured).p99 / latencyOf(control).p99 - 1) * 100;
}

function redrawn(seconds: readonly Second[]): Second[] {
  return seconds.map(() => seconds[Math.floor(Math.random() * seconds.length)] ?? []);
}

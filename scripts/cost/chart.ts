import { parse, View } from "vega";
import { compile } from "vega-lite";
import { behaviourBefore, behaviourOf, billOf, type PoolSize } from "./model.ts";

/** Rigs in the chart, on a logarithmic scale. */
const RIGS = [10, 40, 150, 500, 1_500, 5_000, 15_000, 40_000] as const;

/** The month's bill over the number of rigs, with as many rigs a miner as `size` has. @returns an SVG document */
export async function chartOf(size: PoolSize): Promise<string> {
  const values = RIGS.flatMap((rigs) => {
    const one = { ...size, rigs, miners: Math.max(1, Math.round((rigs * size.miners) / size.rigs)) };
    const before = { ...one, shards: 4 };
    return [
      { rigs, usd: billOf(before, behaviourBefore(before)).totalUsd, pool: "before" },
      { rigs, usd: billOf(one, behaviourOf(one)).totalUsd, pool: "now" },
    ];
  });
  const { spec } = compile({
    width: 480,
    height: 280,
    data: { values },
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "rigs", type: "quantitative", scale: { type: "log" }, title: "rigs" },
      y: { field: "usd", type: "quantitative", scale: { type: "log" }, title: "USD a month" },
      color: { field: "pool", type: "nominal", title: null },
    },
    config: { background: "white" },
  });
  return await new View(parse(spec), { renderer: "none" }).toSVG();
}

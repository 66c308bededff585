import { parse, View } from "vega";
import { compile } from "vega-lite";

/** One simulated tree, as the plot takes it. */
export interface PlotRow {
  readonly logins: number;
  readonly relays: number;
  readonly network: string;
  readonly p99Ms: number;
}

/** Time to 99 of 100 sessions over the number of relays, a line for each number of logins. @returns an SVG document */
export async function plotFanOut(rows: readonly PlotRow[]): Promise<string> {
  const { spec } = compile({
    data: {
      values: rows.map((row) => ({ ...row, logins: row.logins.toLocaleString("en"), relays: String(row.relays) })),
    },
    facet: {
      column: { field: "network", title: null },
    },
    spec: {
      width: 320,
      height: 240,
      layer: [
        {
          mark: { type: "line", point: true },
          encoding: {
            x: { field: "relays", type: "ordinal", sort: null, title: "relays; 0: calls" },
            y: {
              field: "p99Ms",
              type: "quantitative",
              scale: { type: "log" },
              title: "ms from the node's push to 99 of 100 sessions",
            },
            color: { field: "logins", type: "nominal", sort: null, title: "logins" },
          },
        },
        {
          mark: { type: "rule", strokeDash: [4, 4], color: "#888" },
          encoding: { y: { datum: 500 } },
        },
      ],
    },
    config: { background: "white" },
  });
  return new View(parse(spec), { renderer: "none" }).toSVG();
}

import { parse, View } from "vega";
import { compile } from "vega-lite";

/** One simulated tree, as the plot takes it. */
export interface PlotRow {
  readonly logins: number;
  readonly relays: number;
  readonly network: string;
  readonly concurrency: number;
  readonly lastMs: number;
}

/** Time to the last session over the number of relays, a line for each number of logins. @returns an SVG document */
export async function plotFanOut(rows: readonly PlotRow[]): Promise<string> {
  const { spec } = compile({
    data: {
      values: rows.map((row) => ({ ...row, logins: row.logins.toLocaleString("en"), relays: String(row.relays) })),
    },
    facet: {
      column: { field: "network", title: null },
      row: { field: "concurrency", title: "deliveries under way at once" },
    },
    spec: {
      width: 320,
      height: 240,
      layer: [
        {
          mark: { type: "line", point: true },
          encoding: {
            x: { field: "relays", type: "ordinal", sort: null, title: "jobRelays" },
            y: {
              field: "lastMs",
              type: "quantitative",
              scale: { type: "log" },
              title: "ms from the node's push to the last session",
            },
            color: { field: "logins", type: "nominal", sort: null, title: "logins" },
          },
        },
        {
          mark: { type: "rule", strokeDash: [4, 4], color: "#888" },
          encoding: { y: { datum: 1_000 } },
        },
      ],
    },
    config: { background: "white" },
  });
  return new View(parse(spec), { renderer: "none" }).toSVG();
}

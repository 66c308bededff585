import { useEffect, useId, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { dayAndMonth, hourAndMinute, moment, year } from "../data/format.ts";
import { useColours } from "../data/preferences.ts";

/** One line, or one layer of stacked bars. */
export interface ChartSeries {
  readonly label: string;
  readonly values: readonly number[];
  /** A CSS custom property that holds a colour. */
  readonly colour: string;
}

/** What a chart shows. */
export interface ChartData {
  readonly title: string;
  readonly kind: "line" | "bars";
  /** Seconds between two points: a longer gap is shown as one. */
  readonly resolution: number;
  /** How far back the time axis reaches, in seconds. */
  readonly span: number;
  /** Unix time in seconds, rising. */
  readonly at: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number) => string;
}

const HEIGHT = 240;
/** The value axis ends here at least, and its ticks are whole numbers: hashes and shares do not come in parts. */
const MIN_TOP = 4;
const INCREMENTS = Array.from({ length: 19 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

const DAY_S = 86_400;

/** Times below the axis in the visitor's own way of writing them; the day, or the year, where another one begins. */
function timeTicks(ticks: readonly number[], stepS: number): string[] {
  const isTime = stepS < DAY_S;
  const fine = isTime ? hourAndMinute : dayAndMonth;
  const coarse = isTime ? dayAndMonth : year;
  return ticks.map((at, i) => {
    const before = ticks[i - 1];
    const heading = coarse(at);
    return before !== undefined && coarse(before) === heading ? fine(at) : `${fine(at)}\n${heading}`;
  });
}

const colourOf = (element: Element, name: string) => getComputedStyle(element).getPropertyValue(name).trim();

/** Puts an empty point into every gap, so that no line is drawn across hours in which nothing was measured. */
function withGaps({ at, series, resolution }: ChartData): { at: number[]; values: (number | null)[][] } {
  const times: number[] = [];
  const values: (number | null)[][] = series.map(() => []);
  at.forEach((time, i) => {
    const before = at[i - 1];
    if (before !== undefined && time - before > 1.5 * resolution) {
      times.push(before + resolution);
      for (const column of values) column.push(null);
    }
    times.push(time);
    series.forEach((one, s) => values[s]?.push(one.values[i] ?? null));
  });
  return { at: times, values };
}

/** Each layer on top of the ones before it. */
function stacked(layers: readonly (number | null)[][]): (number | null)[][] {
  return layers.map((layer, depth) =>
    layer.map((value, i) =>
      value === null ? null : layers.slice(0, depth + 1).reduce((sum, below) => sum + (below[i] ?? 0), 0),
    ),
  );
}

function aligned(data: ChartData): uPlot.AlignedData {
  const { at, values } = withGaps(data);
  // The tallest stack is drawn first and the others over it.
  return [at, ...(data.kind === "bars" ? stacked(values).toReversed() : values)];
}

function options(data: ChartData, host: HTMLElement, onCursor: (index: number | null) => void): uPlot.Options {
  const axis = {
    stroke: colourOf(host, "--muted"),
    grid: { stroke: colourOf(host, "--color-base-300"), width: 1 },
    ticks: { show: false },
  };
  const series = data.series.map(({ label, colour }): uPlot.Series => {
    const stroke = colourOf(host, colour);
    const common = { label, stroke, width: 2, points: { show: data.at.length < 3 } };
    if (data.kind === "line") return { ...common, fill: `color-mix(in srgb, ${stroke} 14%, transparent)` };
    const bars = uPlot.paths.bars?.({ size: [0.7, 40] });
    return { ...common, width: 0, fill: stroke, points: { show: false }, ...(bars ? { paths: bars } : {}) };
  });
  return {
    width: host.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: {
      // The whole span, also while little of it has been recorded: a young pool should not look like an old one.
      x: { range: () => [Date.now() / 1000 - data.span, Date.now() / 1000] },
      y: { range: (_plot, _min, max) => [0, Math.max(max * 1.1, MIN_TOP)] },
    },
    axes: [
      // Wide enough that two times never run together, and low enough that the first one does not run into the 0 beside it.
      { ...axis, space: 80, gap: 10, values: (_plot, ticks, _axis, _space, stepS) => timeTicks(ticks, stepS) },
      { ...axis, size: 74, incrs: INCREMENTS, values: (_plot, ticks) => ticks.map((tick) => data.format(tick)) },
    ],
    series: [{}, ...(data.kind === "bars" ? series.toReversed() : series)],
    hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx ?? null)] },
  };
}

/** A time chart. What it shows is also there as text, and as a table for whoever cannot see or wants to copy it. */
export function Chart({ data }: { data: ChartData }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [index, setIndex] = useState<number | null>(null);
  const colours = useColours();
  const shape = `${data.title} ${data.kind} ${data.series.map(({ label }) => label).join()} ${data.span} ${data.at.length < 3}`;
  const drawn = useRef(data);
  drawn.current = data;

  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const made = new uPlot(options(drawn.current, element, setIndex), aligned(drawn.current), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [colours, shape]);
  useEffect(() => plot.current?.setData(aligned(data)), [data]);

  return (
    <figure>
      <Readout data={data} time={index === null ? null : (plot.current?.data[0][index] ?? null)} />
      {data.at.length === 0 && (
        <p class="bg-base-200 rounded-field text-muted grid h-60 place-items-center p-4 text-center text-sm">
          Nothing has been recorded yet. The first point comes within a minute of mining.
        </p>
      )}
      <div
        ref={host}
        hidden={data.at.length === 0}
        role="img"
        aria-label={`${data.title}: ${summary(data)}`}
        class="w-full overflow-hidden"
      />
      {data.at.length > 0 && <DataTable data={data} />}
    </figure>
  );
}

function summary({ series, format, at }: ChartData): string {
  if (at.length === 0) return "nothing has been recorded yet";
  return series
    .map(({ label, values }) => `${label} now ${format(values.at(-1) ?? 0)}, highest ${format(Math.max(...values))}`)
    .join("; ");
}

/** The values under the cursor, or the newest. */
function Readout({ data, time }: { data: ChartData; time: number | null }) {
  const found = time === null ? -1 : data.at.indexOf(time);
  const row = found >= 0 ? found : data.at.length - 1;
  const at = data.at[row];
  return (
    <figcaption class="figures mb-1 flex min-h-6 flex-wrap gap-x-4 text-sm">
      {at === undefined ? (
        <span class="text-muted">No data</span>
      ) : (
        <>
          <span class="text-muted">{moment(at)}</span>
          {data.series.map(({ label, values, colour }) => (
            <span key={label} class="flex items-center gap-1.5">
              <Swatch colour={colour} />
              {label} <strong>{data.format(values[row] ?? 0)}</strong>
            </span>
          ))}
        </>
      )}
    </figcaption>
  );
}

function Swatch({ colour }: { colour: string }) {
  return (
    <span aria-hidden="true" class="inline-block size-2.5 rounded-full" style={{ background: `var(${colour})` }} />
  );
}

function DataTable({ data }: { data: ChartData }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <details class="mt-2 text-sm" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary class="text-muted cursor-pointer" id={id}>
        The same as a table
      </summary>
      {open && (
        <div class="max-h-64 overflow-auto" tabindex={0} role="region" aria-labelledby={id}>
          <table class="table-xs figures table">
            <thead>
              <tr>
                <th scope="col">Time</th>
                {data.series.map(({ label }) => (
                  <th key={label} scope="col">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {data.at
                .map((at, i) => (
                  <tr key={at}>
                    <th scope="row" class="font-normal">
                      {moment(at)}
                    </th>
                    {data.series.map(({ label, values }) => (
                      <td key={label}>{data.format(values[i] ?? 0)}</td>
                    ))}
                  </tr>
                ))
                .toReversed()}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

import type { SqlPort } from "../sql-port.ts";

/** A period length and how many periods are kept: older ones are overwritten in place. */
interface Resolution {
  readonly seconds: number;
  readonly slots: number;
}

/** What a series keeps for each period, and at which resolutions. Names are SQL column names. */
export interface SeriesDefinition {
  readonly table: string;
  /** Gauges: a coarser period has the mean. */
  readonly means: readonly string[];
  /** Counts: a coarser period has the sum. */
  readonly sums: readonly string[];
  /** Finest first; each length is a multiple of the one before. */
  readonly resolutions: readonly Resolution[];
}

/** A period of a series: its start, Unix time in seconds, and its values by name. */
export interface Point {
  readonly at: number;
  readonly values: Readonly<Record<string, number>>;
}

/**
 * Time series at several resolutions in a bounded number of rows: each resolution is a ring, a period's row takes the place of the
 * one that is `slots` periods older. The finest is written as samples come; a coarser period is summed up from the finer one when it
 * is over, and until then it is summed up for whoever reads. Nothing runs while no samples come.
 */
export class Series {
  readonly #sql: SqlPort;
  readonly #definition: SeriesDefinition;
  readonly #columns: readonly string[];
  /** Last period that each coarser resolution was rolled up for. */
  readonly #rolled = new Map<number, number>();
  #isThere = false;

  constructor(sql: SqlPort, definition: SeriesDefinition) {
    this.#sql = sql;
    this.#definition = definition;
    this.#columns = [...definition.means, ...definition.sums];
  }

  /**
   * Adds to the finest period at `atS`: counts are added to what is there, gauges replace it.
   * @param atS Unix time in seconds; a period that has already been overwritten by a newer one is left alone
   * @param detail text kept with the finest period only; replaces what is there
   */
  add(atS: number, values: Readonly<Record<string, number>>, detail: string | null = null): void {
    const [finest] = this.#definition.resolutions;
    if (!finest) return;
    const { table, sums } = this.#definition;
    this.#create();
    const at = atS - (atS % finest.seconds);
    // First, because the new row may take the place of one that has not been summed up yet.
    this.#rollUp(at);
    const update = this.#columns.map((name) =>
      sums.includes(name)
        ? `${name} = excluded.${name} + CASE WHEN at = excluded.at THEN ${name} ELSE 0 END`
        : `${name} = excluded.${name}`,
    );
    this.#sql.exec(
      `INSERT INTO ${table} (resolution, slot, at, detail, ${this.#columns.join(", ")})
       VALUES (?, ?, ?, ?, ${this.#columns.map(() => "?").join(", ")})
       ON CONFLICT (resolution, slot) DO UPDATE SET ${update.join(", ")}, detail = excluded.detail, at = excluded.at
       WHERE at <= excluded.at`,
      finest.seconds,
      (at / finest.seconds) % finest.slots,
      at,
      detail,
      ...this.#columns.map((name) => values[name] ?? 0),
    );
  }

  /** The periods of a resolution that began in `[fromS, toS)`, oldest first; the one under way is included as far as it is known. */
  points(resolutionS: number, fromS: number, toS: number): Point[] {
    const { resolutions } = this.#definition;
    const index = resolutions.findIndex(({ seconds }) => seconds === resolutionS);
    const resolution = resolutions[index];
    if (!resolution) return [];
    const kept = this.#kept(resolution.seconds, fromS, toS);
    const finer = resolutions[index - 1];
    const open = (kept.at(-1)?.at ?? fromS - resolutionS) + resolutionS;
    if (finer === undefined || open >= toS) return kept;
    return [...kept, ...grouped(this.points(finer.seconds, open, toS), resolutionS, this.#definition)];
  }

  /** The detail texts of the finest periods that began in `[fromS, toS)`, oldest first. */
  details(fromS: number, toS: number): { readonly at: number; readonly detail: string }[] {
    if (!this.#exists()) return [];
    const [finest] = this.#definition.resolutions;
    return this.#sql
      .exec(
        `SELECT at, detail FROM ${this.#definition.table}
         WHERE resolution = ? AND at >= ? AND at < ? AND detail IS NOT NULL ORDER BY at`,
        finest?.seconds ?? 0,
        fromS,
        toS,
      )
      .map((row) => ({ at: Number(row["at"]), detail: String(row["detail"]) }));
  }

  #kept(resolutionS: number, fromS: number, toS: number): Point[] {
    if (!this.#exists()) return [];
    const rows = this.#sql.exec(
      `SELECT at, ${this.#columns.join(", ")} FROM ${this.#definition.table}
       WHERE resolution = ? AND at >= ? AND at < ? ORDER BY at`,
      resolutionS,
      fromS,
      toS,
    );
    return rows.map((row) => ({
      at: Number(row["at"]),
      values: Object.fromEntries(this.#columns.map((name) => [name, Number(row[name])])),
    }));
  }

  #exists(): boolean {
    this.#isThere ||=
      this.#sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", this.#definition.table).length >
      0;
    return this.#isThere;
  }

  /** With the first sample: whoever only asks for a series that nothing was ever written to stores nothing. */
  #create(): void {
    if (this.#isThere) return;
    const columns = this.#columns.map((name) => `${name} REAL NOT NULL`).join(", ");
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS ${this.#definition.table} (resolution INTEGER, slot INTEGER, at INTEGER NOT NULL, detail TEXT,
       ${columns}, PRIMARY KEY (resolution, slot)) WITHOUT ROWID`,
    );
    this.#isThere = true;
  }

  /** Sums up the coarser periods that ended before `at` and are not there yet. */
  #rollUp(at: number): void {
    const { table, means, sums, resolutions } = this.#definition;
    for (const [index, { seconds, slots }] of resolutions.entries()) {
      const finer = resolutions[index - 1];
      if (!finer) continue;
      const current = at - (at % seconds);
      if (this.#rolled.get(seconds) === current) continue;
      const selected = [...means.map((name) => `avg(${name})`), ...sums.map((name) => `sum(${name})`)];
      // Lengths stand in the text: a bound number would be a floating-point one, and `/` would not divide whole numbers.
      this.#sql.exec(
        `INSERT OR REPLACE INTO ${table} (resolution, slot, at, detail, ${this.#columns.join(", ")})
         SELECT ${seconds}, (at / ${seconds}) % ${slots}, at - at % ${seconds}, NULL, ${selected.join(", ")} FROM ${table}
         WHERE resolution = ${finer.seconds} AND at < ? AND at >= ${seconds} +
           coalesce((SELECT max(at) FROM ${table} WHERE resolution = ${seconds}), ${-seconds})
         GROUP BY at / ${seconds}`,
        current,
      );
      this.#rolled.set(seconds, current);
    }
  }
}

/** What {@link Series} rolls up, done in memory for a period that is still under way. */
function grouped(points: readonly Point[], seconds: number, { means, sums }: SeriesDefinition): Point[] {
  const periods = Map.groupBy(points, ({ at }) => at - (at % seconds));
  return [...periods].map(([at, members]) => {
    const sum = (name: string) => members.reduce((total, { values }) => total + (values[name] ?? 0), 0);
    const values = [
      ...means.map((name) => [name, sum(name) / members.length] as const),
      ...sums.map((name) => [name, sum(name)] as const),
    ];
    return { at, values: Object.fromEntries(values) };
  });
}

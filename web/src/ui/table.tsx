import type { ComponentChildren } from "preact";
import { count } from "../data/format.ts";
import type { Live } from "../data/live.ts";
import { Missing } from "./parts.tsx";

/** A row; its first cell is what it is about. */
export interface Row {
  readonly key: string;
  readonly cells: readonly ComponentChildren[];
}

/** Where rows are shown as cards, `wide` takes the whole width, and `badge` stands without its name beside what the row is about. */
type Column = string | { readonly title: string; readonly as: "wide" | "badge" };

const titleOf = (column: Column) => (typeof column === "string" ? column : column.title);
const isEmpty = (cell: ComponentChildren) => cell === "" || cell === null || cell === undefined || cell === false;

/**
 * A table; on a phone each row is a card with the names of its columns, as half of a table is no use to anyone. `empty` stands in its place
 * where it is known to have no rows, and nothing is called empty that has not been answered.
 * @param narrow it fits a phone as it is
 * @param total how many there are in all, where `rows` are the newest of them
 */
export function Table({
  live,
  caption,
  columns,
  rows,
  empty,
  narrow = false,
  total = 0,
}: {
  live: Live<unknown>;
  caption: string;
  columns: readonly Column[];
  rows: readonly Row[];
  empty: string;
  narrow?: boolean;
  total?: number;
}) {
  if (live.data === null) return <Missing live={live} />;
  if (rows.length === 0) return <p class="text-muted py-4 text-center">{empty}</p>;
  const rest = total > rows.length && <p class="text-muted mt-2 text-sm">The newest {count(rows.length)} are shown.</p>;
  // Roles, because what is laid out as cards is no table to a browser any more.
  return (
    <>
      <div class="-mx-4 overflow-x-auto px-4" tabindex={0} role="region" aria-label={`Table: ${caption}`}>
        <table
          role="table"
          class={`figures table w-full whitespace-nowrap [&_td]:py-2 [&_th]:py-2 [&_tr>*:first-child]:pl-0 ${narrow ? "" : "cards"}`}
        >
          <caption class="sr-only">{caption}</caption>
          <thead role="rowgroup">
            <tr role="row">
              {columns.map((column) => (
                <th key={titleOf(column)} scope="col" role="columnheader" class="text-muted text-xs font-medium">
                  {titleOf(column)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {rows.map(({ key, cells }) => (
              <tr key={key} role="row">
                {cells.map((cell, i) => (
                  <Cell key={i} column={columns[i] ?? ""} isFirst={i === 0}>
                    {cell}
                  </Cell>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rest}
    </>
  );
}

function Cell({ column, isFirst, children }: { column: Column; isFirst: boolean; children: ComponentChildren }) {
  if (isFirst)
    return (
      <th scope="row" role="rowheader">
        {children}
      </th>
    );
  return (
    <td
      role="cell"
      data-label={titleOf(column)}
      data-as={typeof column === "string" ? undefined : column.as}
      data-empty={isEmpty(children)}
    >
      {children}
    </td>
  );
}

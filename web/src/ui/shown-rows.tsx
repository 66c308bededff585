import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { count } from "../data/format.ts";
import { Choice } from "./parts.tsx";

const PAGE_SIZE = 50;
const FILTERS = [
  { value: "all", label: "All" },
  { value: "online", label: "Online" },
  { value: "offline", label: "Offline" },
] as const;
type Filter = (typeof FILTERS)[number]["value"];

/** Of miners or workers, who may be hundreds: those that the visitor wants to see, a page at a time. */
export interface ShownRows<T> {
  readonly shown: readonly T[];
  /** Whether none is left out for being online or offline. */
  readonly isWhole: boolean;
  readonly filter: ComponentChildren;
  /** Leads to the other pages; false where there is one. */
  readonly pager: ComponentChildren;
}

/** @param what they are, for the names of the controls */
export function useShownRows<T extends readonly [string, { readonly offline: boolean }]>(
  all: readonly T[],
  what: string,
): ShownRows<T> {
  const [filter, setFilter] = useState<Filter>("all");
  const [page, setPage] = useState(0);
  const wanted = all.filter(([, { offline }]) => filter === "all" || offline === (filter === "offline"));
  const last = Math.max(0, Math.ceil(wanted.length / PAGE_SIZE) - 1);
  const current = Math.min(page, last);
  return {
    shown: wanted.slice(current * PAGE_SIZE, (current + 1) * PAGE_SIZE),
    isWhole: filter === "all",
    filter: <Choice name={`Which ${what}`} options={FILTERS} value={filter} onChange={setFilter} />,
    pager: last > 0 && <Pager what={what} page={current} last={last} onChange={setPage} />,
  };
}

function Pager({
  what,
  page,
  last,
  onChange,
}: {
  what: string;
  page: number;
  last: number;
  onChange: (page: number) => void;
}) {
  return (
    <nav aria-label={`Pages of ${what}`} class="mt-3 flex items-center justify-center gap-3 text-sm">
      <button type="button" class="btn btn-sm" disabled={page === 0} onClick={() => onChange(page - 1)}>
        Previous
      </button>
      <span class="figures">
        {count(page + 1)} of {count(last + 1)}
      </span>
      <button type="button" class="btn btn-sm" disabled={page === last} onClick={() => onChange(page + 1)}>
        Next
      </button>
    </nav>
  );
}

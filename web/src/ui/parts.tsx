import { Check, Copy, TriangleAlert } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { moment, ago, shortHex } from "../data/format.ts";
import type { Live } from "../data/live.ts";
import { useNow } from "../data/preferences.ts";

/** A page's title and, beside it, whether what is shown is up to date. */
export function PageTitle({
  title,
  live,
  children,
}: {
  title: string;
  live?: Live<unknown>;
  children?: ComponentChildren;
}) {
  return (
    <div class="mb-4 flex flex-wrap items-center gap-x-4 gap-y-1">
      <h1 class="text-2xl font-semibold">{title}</h1>
      {children}
      {live && <Freshness live={live} />}
    </div>
  );
}

function Freshness({ live: { data, status, updatedAtMs } }: { live: Live<unknown> }) {
  const now = useNow(1000);
  const failing = status !== null && status !== 200 && status !== 404;
  if (failing) {
    return (
      <span role="status" class="badge badge-warning gap-1">
        <TriangleAlert size={14} aria-hidden="true" />
        {data === null
          ? "The pool does not answer; trying again"
          : `Not updated for ${ago(updatedAtMs / 1000, now).replace(" ago", "")}`}
      </span>
    );
  }
  if (data === null) return null;
  return (
    <span class="text-muted flex items-center gap-2 text-sm">
      <span class="status status-success" aria-hidden="true" />
      Live, updated {ago(updatedAtMs / 1000, now)}
    </span>
  );
}

/** A framed part of a page under a heading of its own. */
export function Panel({
  title,
  aside,
  children,
  class: extra = "",
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
  class?: string;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id} class={`panel ${extra}`}>
      <div class="flex flex-wrap items-center justify-between gap-2 px-4 pt-3">
        <h2 id={id} class="font-semibold">
          {title}
        </h2>
        {aside}
      </div>
      <div class="p-4 pt-3">{children}</div>
    </section>
  );
}

/** One figure with its name and a line about it. Missing data shows as a skeleton of the same size. */
export function Figure({ name, value, note }: { name: string; value: string | null; note?: ComponentChildren }) {
  return (
    <div class="panel flex flex-col gap-1 px-4 py-3">
      <dt class="text-muted text-sm">{name}</dt>
      <dd class="figures text-2xl font-semibold" data-figure={name}>
        {value ?? <span class="skeleton inline-block h-6 w-24 align-middle" />}
      </dd>
      <dd class="text-muted figures min-h-5 text-sm">{note}</dd>
    </div>
  );
}

/** Figures side by side. */
export function Figures({ children }: { children: ComponentChildren }) {
  return <dl class="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-4">{children}</dl>;
}

/** A table that scrolls sideways on its own where the screen is narrow. `empty` stands in its place while it has no rows. */
export function Table({
  caption,
  columns,
  rows,
  empty,
}: {
  caption: string;
  columns: readonly string[];
  rows: readonly ComponentChildren[];
  empty: string;
}) {
  if (rows.length === 0) return <p class="text-muted py-4 text-center">{empty}</p>;
  return (
    <div class="-mx-4 overflow-x-auto px-4" tabindex={0} role="region" aria-label={`Table: ${caption}`}>
      <table class="figures table w-full whitespace-nowrap [&_td]:py-2 [&_th]:py-2 [&_tr>*:first-child]:pl-0">
        <caption class="sr-only">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col" class="text-muted text-xs font-medium">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{rows}</tbody>
      </table>
    </div>
  );
}

/** How long ago something was, with the date when asked for. */
export function Ago({ atS, nowMs }: { atS: number; nowMs: number }) {
  return (
    <time dateTime={new Date(atS * 1000).toISOString()} title={moment(atS)}>
      {ago(atS, nowMs)}
    </time>
  );
}

/** A miner's address that leads to its account. */
export function AddressLink({ login }: { login: string }) {
  return (
    <Link href={`/account/${login}`} class="link link-primary font-mono" title={login}>
      {shortHex(login)}
    </Link>
  );
}

/** Online or offline, in words as well as in colour. */
export function OnlineBadge({ offline }: { offline: boolean }) {
  return (
    <span class={`badge badge-sm ${offline ? "badge-error" : "badge-success"}`}>{offline ? "offline" : "online"}</span>
  );
}

/** A command or address to be copied. */
export function CopyLine({ name, text }: { name: string; text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div class="bg-base-200 border-base-300 rounded-field flex items-start gap-2 border">
      <pre class="min-w-0 flex-1 p-3 text-sm break-all whitespace-pre-wrap" tabindex={0} aria-label={name}>
        <code>{text}</code>
      </pre>
      <button type="button" class="btn btn-ghost btn-sm m-1" onClick={() => void copy()}>
        {copied ? <Check size={16} aria-hidden="true" /> : <Copy size={16} aria-hidden="true" />}
        <span class="sr-only">{`Copy: ${name}`}</span>
        <span role="status" class="sr-only">
          {copied ? "Copied" : ""}
        </span>
      </button>
    </div>
  );
}

/** One of a few choices; arrow keys move between them as in any radio group. */
export function Choice<T extends string>({
  name,
  options,
  value,
  onChange,
}: {
  name: string;
  options: readonly { readonly value: T; readonly label: string }[];
  value: T;
  onChange: (value: T) => void;
}) {
  const group = useId();
  return (
    <fieldset class="join">
      <legend class="sr-only">{name}</legend>
      {options.map((option) => (
        <input
          key={option.value}
          type="radio"
          name={group}
          class="btn btn-xs join-item checked:btn-primary"
          aria-label={option.label}
          checked={option.value === value}
          onChange={() => onChange(option.value)}
        />
      ))}
    </fieldset>
  );
}

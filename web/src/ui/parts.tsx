import { Check, Copy, TriangleAlert } from "lucide-preact";
import { createContext, type ComponentChildren, type RefObject } from "preact";
import { useContext, useEffect, useId, useRef, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { checksummed } from "../data/address.ts";
import { ago, duration, moment, shortHex } from "../data/format.ts";
import { isFailing, useHealth, type Live } from "../data/live.ts";
import { useLiveInterval } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";

/** Answers whose figures are older than the pool lets them get, and this much in ms, come from a pool that cannot read its ledger. */
const STALE_MS = 60_000;

/** What a status of the API means. */
const TROUBLES: ReadonlyMap<number, string> = new Map([
  [429, "The pool was asked too often"],
  [503, "The ledger cannot be read"],
]);

const troubleOf = ({ status }: Live<unknown>): string => TROUBLES.get(status ?? 0) ?? "The pool does not answer";

/** A page's title and, beside it, how old what is shown is. The title stands in the browser's tab too. */
export function PageTitle({
  title,
  live,
  children,
}: {
  title: string;
  live?: Live<unknown>;
  children?: ComponentChildren;
}) {
  useEffect(() => {
    document.title = `${title} · edgepool`;
  }, [title]);
  return (
    <div class="mb-4 flex flex-wrap items-center gap-x-4 gap-y-1">
      <h1 class="text-2xl font-semibold">{title}</h1>
      {children}
      {live && <Freshness live={live} />}
    </div>
  );
}

function Freshness({ live }: { live: Live<unknown> }) {
  const now = useNow(1000);
  const collectedEveryMs = useLiveInterval();
  const healthy = useHealth()?.healthy ?? true;
  const age = `${duration((now - live.dataAtMs) / 1000)} ago`;
  if (isFailing(live)) {
    const trouble = troubleOf(live);
    return <Warning>{live.data === null ? `${trouble}; trying again` : `${trouble}; figures of ${age}`}</Warning>;
  }
  if (live.data === null) return null;
  // By their age when they came: between two requests, or in a tab that is not looked at, they age without anybody's fault.
  const stale = live.updatedAtMs - live.dataAtMs > STALE_MS + collectedEveryMs;
  if (stale) return <Warning>{`Figures of ${age}: the ledger cannot be read`}</Warning>;
  return (
    <span class="text-muted flex items-center gap-2 text-sm">
      <span class={`status ${healthy ? "status-success" : "status-warning"}`} aria-hidden="true" />
      {/* A ledger that answers says nothing of nodes that do not: what is wrong stands above. */}
      {healthy ? `Live, figures of ${age}` : `Figures of ${age}; the pool is in trouble`}
    </span>
  );
}

function Warning({ children }: { children: string }) {
  return (
    <span role="status" class="badge badge-warning h-auto gap-1 text-left">
      <TriangleAlert size={14} aria-hidden="true" />
      {children}
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

const Failing = createContext(false);

/** Characters that a figure's line has room for on a phone, at its usual size. */
const ROOM = 11;

/** One figure with its name and a line about it. Missing data shows as a skeleton of the same size while it may still come. */
export function Figure({ name, value, note }: { name: string; value: string | null; note?: ComponentChildren }) {
  const failing = useContext(Failing);
  // A long number is written smaller there: it would be broken in the middle.
  const isLong = value?.split(" ").some((word) => word.length > ROOM) === true;
  return (
    <div class="panel flex min-w-0 flex-col gap-1 px-4 py-3">
      <dt class="text-muted text-sm">{name}</dt>
      <dd
        class={`figures ${isLong ? "text-base" : "text-xl"} font-semibold break-words sm:text-2xl`}
        data-figure={name}
      >
        {value ?? (failing ? "unknown" : <span class="skeleton inline-block h-6 w-24 align-middle" />)}
      </dd>
      <dd class="text-muted figures min-h-5 text-sm">{note}</dd>
    </div>
  );
}

/** Figures side by side. @param live where they come from */
export function Figures({ live, children }: { live: Live<unknown>; children: ComponentChildren }) {
  return (
    <Failing.Provider value={isFailing(live)}>
      <dl class="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-4">{children}</dl>
    </Failing.Provider>
  );
}

/** What stands where data is not known: a skeleton while it may come, else the plain word. */
export function Missing({ live, class: size = "h-24" }: { live: Live<unknown>; class?: string }) {
  if (isFailing(live)) return <p class="text-muted py-4 text-center">{`Not known now. ${troubleOf(live)}.`}</p>;
  return <div class={`skeleton w-full ${size}`} role="status" aria-label="Loading" />;
}

/** The same figures for programs. */
export function Downloads({ json, csv }: { json: string; csv?: string }) {
  return (
    <span class="text-muted flex gap-3 text-sm">
      <a class="link" href={json}>
        JSON
      </a>
      {csv !== undefined && (
        <a class="link" href={csv} download>
          CSV
        </a>
      )}
    </span>
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
  const address = checksummed(login);
  return (
    <Link href={`/account/${login}`} class="link link-primary font-mono whitespace-nowrap" title={address}>
      {shortHex(address)}
    </Link>
  );
}

/** A hash: whole on a phone, where nothing shows on hovering, and `whole` on a wide screen as well; with a way to copy it and, where the chain has an explorer, to see it there. */
export function Hash({
  hash,
  explorer,
  name,
  whole = false,
}: {
  hash: string;
  explorer: string | null;
  name: string;
  whole?: boolean;
}) {
  const text = (
    <>
      <span class={whole ? "md:max-lg:hidden lg:text-xs" : "md:hidden"}>{hash}</span>
      <span class={whole ? "hidden md:max-lg:inline" : "hidden md:inline"}>{shortHex(hash)}</span>
    </>
  );
  return (
    <span class="inline-flex min-w-0 items-center gap-1 font-mono max-md:text-xs max-md:break-all" title={hash}>
      {explorer === null ? (
        text
      ) : (
        <a class="link" href={explorer.replace("{}", hash)} rel="noreferrer" target="_blank">
          {text}
        </a>
      )}
      <CopyButton name={name} text={hash} class="btn-xs" />
    </span>
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
  const shown = useRef<HTMLPreElement>(null);
  return (
    <div class="bg-base-200 border-base-300 rounded-field flex items-start gap-2 border">
      <pre
        ref={shown}
        class="min-w-0 flex-1 p-3 text-sm wrap-anywhere whitespace-pre-wrap"
        tabindex={0}
        aria-label={name}
      >
        <code>
          {text.split(/(\S*-\S*)/).map((piece, i) =>
            // A browser would break an option behind its hyphens.
            i % 2 === 0 ? (
              piece
            ) : (
              <span key={i} class="inline-block max-w-full">
                {piece}
              </span>
            ),
          )}
        </code>
      </pre>
      <CopyButton name={name} text={text} class="btn-sm m-1" shown={shown} />
    </div>
  );
}

/** @param shown what is selected for the visitor to copy by hand where the browser refuses: on plain http it has no clipboard */
function CopyButton({
  name,
  text,
  class: size,
  shown,
}: {
  name: string;
  text: string;
  class: string;
  shown?: RefObject<HTMLElement>;
}) {
  const [said, say] = useState("");
  const copy = async () => {
    const copied = await copyText(text);
    if (!copied && shown?.current) getSelection()?.selectAllChildren(shown.current);
    say(copied ? "Copied" : "Select and copy by hand");
    setTimeout(() => say(""), 3000);
  };
  return (
    <button type="button" class={`btn btn-ghost ${size}`} title={`Copy: ${name}`} onClick={() => void copy()}>
      {said === "Copied" ? <Check size={16} aria-hidden="true" /> : <Copy size={16} aria-hidden="true" />}
      <span class="sr-only">{`Copy: ${name}`}</span>
      <span role="status" class={said === "Copied" ? "sr-only" : ""}>
        {said}
      </span>
    </button>
  );
}

/** The old way works without a clipboard, where it works at all. @returns whether the text is on the clipboard */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
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

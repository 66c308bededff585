/** A miner's login as it stands in stratum params, URLs and first lines. */
export interface Login {
  /** Lower-case `0x` address, 20 bytes. */
  readonly address: string;
  /** What follows `.` or `/`, empty where nothing does; not yet checked. */
  readonly suffix: string;
}

const LOGIN = /^(?:0x)?([0-9a-f]{40})(?:[./](.*))?$/i;
const ZERO_ADDRESS = "0".repeat(40);
/** Longest name of a worker, in characters. */
const MAX_NAME = 32;
/** In `rig7/me@example.org` and `rig#ref` the parts are not one name; a dot may be within one. */
const BETWEEN_PARTS = /[/#]/;
/** A line has 1,024 bytes, a URL more. */
const MAX_WRITTEN = 256;
/** Names that programs put there themselves: Claymore's and Phoenix' `eth1.0`, eth-proxy's `Proxy_0.0.5`. */
const PLACEHOLDER = /^(?:eth1\.0|Proxy_.*)$/i;
/** Shorter tails of an address are more likely a rig's name. */
const MIN_TAIL = 4;

/** The worker of a miner that names none. */
export const DEFAULT_WORKER = "0";

/**
 * Reads `0xaddress`, `0xaddress.worker` or `0xaddress/worker`, in any case and with or without `0x`; null when it is no
 * 20-byte hex address. The zero address belongs to nobody and is refused, as open-ethereum-pool does.
 */
export function parseLogin(text: string): Login | null {
  const match = LOGIN.exec(text.trim());
  const digits = match?.[1]?.toLowerCase();
  if (digits === undefined || digits === ZERO_ADDRESS) return null;
  return { address: `0x${digits}`, suffix: match?.[2] ?? "" };
}

/**
 * Who mines, by the path `/<login>[/<worker>]` of an URL, with or without `/stratum` before it; slashes too many do no harm. Not checked.
 * @param pathname as the URL has it, percent signs and all
 */
export function minerOfPath(pathname: string): { readonly login: string; readonly worker: string } {
  const parts = pathname.split("/").filter((part) => part !== "");
  const [login = "", ...worker] = (parts[0] === "stratum" ? parts.slice(1) : parts).map(decoded);
  return { login, worker: worker.join("/") };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A worker's name and the text that it was made of. */
export interface NamedWorker {
  /** 1 to 32 of `[0-9A-Za-z-_]`. */
  readonly name: string;
  /** What the operator wrote; empty where nobody named a worker. */
  readonly written: string;
}

/**
 * The worker that a miner means: the first usable part of the candidates, best first (docs/protocol.md, section 2). Parts end at `/` and `#`;
 * a part is cleaned: each run of characters outside `[0-9A-Za-z-_]` becomes one `-`, and what is left is cut at 32. Not usable is what
 * the program and not the operator put there, the tail of the address, a mail address, and what has no letter or digit.
 * @example namedWorker(address, "", "rig7/me@example.org") // { name: "rig7", written: "rig7/me@example.org" }
 */
export function namedWorker(address: string, ...candidates: readonly string[]): NamedWorker {
  // Programs repeat the whole login where a name belongs.
  const written = candidates
    .map((text) => (parseLogin(text)?.suffix ?? text.trim()).slice(0, MAX_WRITTEN))
    .filter((text) => !PLACEHOLDER.test(text));
  for (const text of written) {
    for (const part of text.split(BETWEEN_PARTS)) {
      const name = cleanName(part);
      if (name !== "" && !isTail(address, name)) return { name: name.slice(0, MAX_NAME), written: text };
    }
  }
  return { name: DEFAULT_WORKER, written: written.find((text) => text !== "" && !isTail(address, text)) ?? "" };
}

/** The name of {@link namedWorker} alone. */
export function workerName(address: string, ...candidates: readonly string[]): string {
  return namedWorker(address, ...candidates).name;
}

function cleanName(part: string): string {
  if (PLACEHOLDER.test(part)) return "";
  // Of `rig7.me@example.org` what is before the last dot of the name: a mail address names nobody's rig, and names are public.
  const at = part.indexOf("@");
  const kept = at < 0 ? part : part.slice(0, Math.max(0, part.lastIndexOf(".", at)));
  const cleaned = kept.replace(/[^0-9A-Za-z_-]+/g, "-");
  // A name that was written so keeps its hyphens.
  const name = cleaned === part ? part : cleaned.replace(/^-+|-+$/g, "");
  return /[0-9A-Za-z]/.test(name) ? name : "";
}

function isTail(address: string, name: string): boolean {
  return name.length >= MIN_TAIL && address.endsWith(name.toLowerCase());
}

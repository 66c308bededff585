import { isoTime } from "../api/csv.ts";
import { parseTargets } from "../notifications/targets.ts";

/** What a miner can set for itself. */
export interface MinerSettings {
  /** Shannon that its balance has to pass to be paid; null: the pool's own threshold. */
  readonly payoutThreshold: bigint | null;
  /** Its blocks are its own, and its shares earn nothing. */
  readonly solo: boolean;
  /** In no list of the pool's; its own page is still there for whoever knows the address. */
  readonly hidden: boolean;
  /**
   * Where it is told of its rigs and payments: {@link KEEP}, {@link KEEP_AND_TEST} or targets as `targetsText` writes them. What stands there is
   * shown to nobody, so that a page that changes something else could not repeat it.
   */
  readonly notifications: string;
}

/** The targets stay as they are. */
export const KEEP = "unchanged";
/** They stay, and each of them is sent a test. */
export const KEEP_AND_TEST = "unchanged, and send a test";

/** Whether the targets that are set stay. */
export const keepsTargets = (notifications: string): boolean => [KEEP, KEEP_AND_TEST].includes(notifications);

/** What a miner signs: all of its settings, and for whom, for where and until when. */
export interface SettingsMessage extends MinerSettings {
  /** Host of the pool's address, with the port where it has one. */
  readonly pool: string;
  /** EIP-155. */
  readonly chainId: number;
  /** Lower-case `0x` address. */
  readonly login: string;
  /** One more than that of the login's last change; 1 is the first. */
  readonly nonce: number;
  /** Unix time in seconds: from then on it is refused. */
  readonly expires: number;
}

const TITLE = "edgepool: settings of a miner";
/** In the order of the lines. */
const LINES = [
  ["pool", /^[0-9a-z.:[\]-]{1,255}$/],
  ["chain id", /^[1-9]\d{0,15}$/],
  ["login", /^0x[0-9a-f]{40}$/],
  ["nonce", /^[1-9]\d{0,14}$/],
  ["expires", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/],
  ["payout threshold", /^(?:[1-9]\d{0,17} Shannon|the pool's)$/],
  ["solo", /^(?:yes|no)$/],
  ["hidden from lists", /^(?:yes|no)$/],
  ["notifications", /^[\x20-\x7e]{1,1200}$/],
] as const;

/** The text to be signed, as a wallet shows it. {@link parseSettings} reads exactly what this writes. */
export function settingsText(message: SettingsMessage): string {
  const { pool, chainId, login, nonce, expires, payoutThreshold, solo, hidden, notifications } = message;
  const threshold = payoutThreshold === null ? "the pool's" : `${payoutThreshold} Shannon`;
  const values = [pool, chainId, login, nonce, isoTime(expires), threshold, yesNo(solo), yesNo(hidden), notifications];
  return [TITLE, ...LINES.map(([name], i) => `${name}: ${values[i]}`)].join("\n");
}

const yesNo = (value: boolean): string => (value ? "yes" : "no");

/** Reads a text that somebody signed. @returns null, with the first line that is not as it has to be, where it is another one */
export function parseSettings(
  text: string,
): { readonly ok: true; readonly message: SettingsMessage } | { readonly ok: false; readonly reason: string } {
  const [title, ...lines] = text.split("\n");
  if (title !== TITLE) return { ok: false, reason: `the first line must be "${TITLE}"` };
  if (lines.length !== LINES.length) return { ok: false, reason: `${LINES.length} lines must follow the first` };
  const values: string[] = [];
  for (const [i, [name, shape]] of LINES.entries()) {
    const line = lines[i] ?? "";
    const value = line.slice(name.length + 2);
    if (!line.startsWith(`${name}: `) || !shape.test(value))
      return { ok: false, reason: `line ${i + 2} must be "${name}: …", in the form in which the pool writes it` };
    values.push(value);
  }
  const [pool = "", chainId, login = "", nonce, expires = "", threshold = "", solo, hidden, notifications = ""] =
    values;
  if (!keepsTargets(notifications) && parseTargets(notifications) === null)
    return {
      ok: false,
      reason: `line ${LINES.length + 1} must name targets in the form in which the pool writes them`,
    };
  // oxlint-disable-next-line no-restricted-globals -- reads a given moment, no clock
  const expiresMs = Date.parse(expires);
  const message: SettingsMessage = {
    pool,
    chainId: Number(chainId),
    login,
    nonce: Number(nonce),
    expires: expiresMs / 1000,
    payoutThreshold: threshold === "the pool's" ? null : BigInt(threshold.slice(0, -" Shannon".length)),
    solo: solo === "yes",
    hidden: hidden === "yes",
    notifications,
  };
  // Days that are in no calendar, and numbers that no double holds.
  if (settingsText(message) !== text) return { ok: false, reason: "a number or the time in it does not exist" };
  return { ok: true, message };
}

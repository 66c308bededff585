import { isReachableHost } from "../reachable-host.ts";

/** The ways to somebody: a POST of JSON that is signed, a Telegram chat, a Discord webhook, a mail through the operator's provider. */
export const TARGET_KINDS = ["webhook", "telegram", "discord", "email"] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

/** What a miner can be told of: its rigs offline and back, its hashrate fallen, its payments sent. In the order in which they are written. */
export const MINER_TOPICS = ["offline", "hashrate", "payments"] as const;
export type MinerTopic = (typeof MINER_TOPICS)[number];

/** A stretch of each day in which nothing is sent, minutes of the UTC day; it may pass midnight. */
export interface QuietHours {
  readonly fromMin: number;
  readonly toMin: number;
}

/** Where a miner wants to be told of what. */
export interface MinerTarget {
  readonly kind: TargetKind;
  /** A URL, a chat's id or an address, by kind. */
  readonly to: string;
  /** At least one. */
  readonly topics: readonly MinerTopic[];
  readonly quiet: QuietHours | null;
}

/** A miner's targets at most. */
export const MOST_TARGETS = 3;
/** Characters of a target at most. */
const LONGEST_TO = 300;

const QUIET = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/;
const DAY_MIN = 1_440;

/** @param text such as `22:00-07:30`, UTC @returns null for anything else, and for a stretch without length */
export function parseQuiet(text: string): QuietHours | null {
  const [, fromHour, fromMinute, toHour, toMinute] = QUIET.exec(text) ?? [];
  if (fromHour === undefined) return null;
  const fromMin = Number(fromHour) * 60 + Number(fromMinute);
  const toMin = Number(toHour) * 60 + Number(toMinute);
  return fromMin === toMin ? null : { fromMin, toMin };
}

const clock = (min: number): string =>
  `${String(Math.floor(min / 60)).padStart(2, "0")}:${String(min % 60).padStart(2, "0")}`;

/** @returns when a message of now may be sent, Unix time in ms: now, or the end of the quiet hours */
export function afterQuiet(quiet: QuietHours | null, nowMs: number): number {
  if (quiet === null) return nowMs;
  const minute = Math.floor(nowMs / 60_000) % DAY_MIN;
  const since = (minute - quiet.fromMin + DAY_MIN) % DAY_MIN;
  const length = (quiet.toMin - quiet.fromMin + DAY_MIN) % DAY_MIN;
  return since < length ? (Math.floor(nowMs / 60_000) + length - since) * 60_000 : nowMs;
}

/** What is wrong with a target; null where nothing is. @param local a pool on this machine may send to this machine */
export function targetProblem(kind: TargetKind, to: string, local: boolean): string | null {
  if (to.length > LONGEST_TO) return `at most ${LONGEST_TO} characters`;
  switch (kind) {
    case "telegram":
      return /^(?:-?[1-9]\d{0,15}|@\w{5,32})$/.test(to) ? null : "the number of a chat, or @ and the name of a channel";
    case "email":
      return /^[\w.+-]{1,64}@(?:[a-z\d](?:[a-z\d-]*[a-z\d])?\.)+[a-z]{2,24}$/i.test(to) ? null : "a mail address";
    case "discord":
      if (local && to.startsWith("http://")) return urlProblem(to, local);
      return /^https:\/\/(?:discord|discordapp)\.com\/api\/(?:v\d+\/)?webhooks\/\d{1,24}\/[\w-]{1,128}$/.test(to)
        ? null
        : "a webhook's URL of Discord's, https://discord.com/api/webhooks/…";
    case "webhook":
      return urlProblem(to, local);
  }
}

/**
 * A target is a door to the outside that somebody else chooses: no address of a machine, no name of a LAN, no credentials, and no port but
 * that of https, so that nothing but public web servers can be reached.
 */
function urlProblem(text: string, local: boolean): string | null {
  const allowed = "an https:// URL of a public host name, without port, user and password";
  if (!/^[\x21-\x7e]+$/.test(text) || /[;,"<>\\^`{|}]/.test(text) || !URL.canParse(text)) return allowed;
  const url = new URL(text);
  if (local && /^https?:\/\//.test(text)) return null;
  const authority = /^https:\/\/([^/?#]+)/.exec(text)?.[1] ?? "";
  if (authority === "" || authority !== url.hostname || url.username !== "" || url.password !== "") return allowed;
  return isReachableHost(url) ? null : allowed;
}

/** As a miner signs them. {@link parseTargets} reads exactly what this writes. */
export function targetsText(targets: readonly MinerTarget[]): string {
  if (targets.length === 0) return "none";
  return targets
    .map(({ kind, to, topics, quiet }) => {
      const told = `${kind} ${to} ${MINER_TOPICS.filter((topic) => topics.includes(topic)).join("+")}`;
      return quiet === null ? told : `${told} quiet ${clock(quiet.fromMin)}-${clock(quiet.toMin)} UTC`;
    })
    .join("; ");
}

/** Reads a miner's targets. @returns null where the text is not exactly what {@link targetsText} writes; whether a target may be used is another question */
export function parseTargets(text: string): readonly MinerTarget[] | null {
  if (text === "none") return [];
  const targets: MinerTarget[] = [];
  for (const part of text.split("; ")) {
    const [kind, to = "", topics = "", word, quiet = "", zone] = part.split(" ");
    const known = TARGET_KINDS.find((name) => name === kind);
    const told = MINER_TOPICS.filter((topic) => topics.split("+").includes(topic));
    if (known === undefined || to === "" || told.length === 0) return null;
    const hours = word === "quiet" && zone === "UTC" ? parseQuiet(quiet) : null;
    targets.push({ kind: known, to, topics: told, quiet: hours });
  }
  return targets.length <= MOST_TARGETS && targetsText(targets) === text ? targets : null;
}

/** A target without what opens it: for logs, answers and whoever looks on. */
export function shownTarget(kind: TargetKind, to: string): string {
  if (kind === "webhook" || kind === "discord")
    return `${kind} at ${URL.canParse(to) ? new URL(to).hostname : "no URL"}`;
  if (kind === "email") return `email to ${to.slice(0, 1)}…@${to.split("@")[1] ?? ""}`;
  return `telegram ${to.slice(0, 3)}…`;
}

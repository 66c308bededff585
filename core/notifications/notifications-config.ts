import type { ConfigProblem } from "../config-problem.ts";
import type { Settings } from "../config-schema.ts";
import type { Senders } from "./http-forms.ts";
import { mac, minerWebhookKey } from "./http-forms.ts";
import { OPERATOR_KINDS, templateProblem, type OperatorKind, type Templates } from "./messages.ts";
import { type Target, targetName } from "./outgoing.ts";
import { parseQuiet, type TargetKind, targetProblem } from "./targets.ts";

/** A target of the operator's. */
export interface OperatorTarget extends Target {
  /** Null: everything. */
  readonly kinds: readonly OperatorKind[] | null;
}

/** What a miner may choose. */
export interface MinerTerms {
  /** The secret NOTIFICATION_KEY. */
  readonly key: string;
  /** A pool on this machine may send to this machine. */
  readonly local: boolean;
  /** What the operator has not set up for a kind; null where it can be sent. */
  readonly missing: (kind: TargetKind) => string | null;
}

/** Who is told of what, and how. */
export interface NotificationsConfig {
  readonly targets: readonly OperatorTarget[];
  /** Miners may sign targets of their own, and what they may choose; null: they may not. */
  readonly minerTerms: MinerTerms | null;
  /** Requests an hour to one miner's target. */
  readonly minerPerHour: number;
  readonly senders: Senders;
  readonly templates: Templates;
  /** Shannon; null: the wallet is low when it cannot pay what is due. */
  readonly walletLow: bigint | null;
  /** Percent of its hashrate before, at which a miner's has fallen. */
  readonly fallenPercent: number;
  /** A pool on this machine may send to this machine. */
  readonly local: boolean;
  /** What a link in a mail is made of; null without NOTIFICATION_KEY. */
  readonly confirmation: ((login: string, to: string) => string) | null;
}

const TELEGRAM = "https://api.telegram.org";
const MAIL_URL = {
  resend: "https://api.resend.com/emails",
  postmark: "https://api.postmarkapp.com/email",
} as const;

/** @returns null where nobody is told of anything; what is wrong with the settings goes to `problems` */
export function notificationsOf(settings: Settings, problems: ConfigProblem[]): NotificationsConfig | null {
  const { notifications, NOTIFICATION_KEY: key, devnet } = settings;
  const wrong = (variable: string, found: string, allowed: string): void => {
    problems.push({ variable, found, allowed });
  };
  for (const [name, text] of Object.entries(notifications.templates)) {
    const problem = templateProblem(name, text);
    if (problem !== null) wrong(`notifications.templates.${name}`, JSON.stringify(text.slice(0, 60)), problem);
  }
  if (notifications.targets.length === 0 && !notifications.miners) return null;
  const names = new Set(notifications.targets.map(({ name }) => name));
  for (const name of Object.keys(settings.NOTIFICATION_TARGETS))
    if (!names.has(name))
      wrong(`NOTIFICATION_TARGETS.${name}`, "an address for an unknown target", `one of ${[...names].join(", ")}`);
  const senders = sendersOf(settings, wrong);
  const signs = notifications.miners || notifications.targets.some(({ kind }) => kind === "webhook");
  if (signs && key === null)
    wrong(
      "NOTIFICATION_KEY",
      "nothing",
      "a secret of at least 16 characters: what is sent to a webhook is signed by it",
    );
  return {
    targets: notifications.targets.map((target) => operatorTarget(target, settings, wrong)),
    minerTerms: notifications.miners && key !== null ? { key, local: devnet, missing: missingFor(senders) } : null,
    minerPerHour: notifications.minerPerHour,
    senders,
    templates: notifications.templates,
    walletLow: notifications.walletLow,
    fallenPercent: notifications.fallenPercent,
    local: devnet,
    confirmation: key === null ? null : (login, to) => mac(key, `confirm:${login}:${to}`),
  };
}

const missingFor =
  ({ telegram, mail }: Senders) =>
  (kind: TargetKind): string | null => {
    if (kind === "telegram" && telegram === null) return "another kind: this pool has no Telegram bot";
    return kind === "email" && mail === null ? "another kind: this pool sends no mail" : null;
  };

type Wrong = (variable: string, found: string, allowed: string) => void;
type TargetSetting = Settings["notifications"]["targets"][number];

function operatorTarget({ name, kind, to: shown, events, quiet }: TargetSetting, settings: Settings, wrong: Wrong) {
  const { notifications, NOTIFICATION_TARGETS: secrets, TELEGRAM_BOT_TOKEN: token, devnet } = settings;
  const at = `notifications.targets.${notifications.targets.findIndex((target) => target.name === name)}`;
  const to = secrets[name] ?? shown ?? "";
  const problem = targetProblem(kind, to, devnet);
  if (problem !== null)
    wrong(`${at}.to`, to === "" ? "nothing" : "what is not shown", `${problem}; or in the secret NOTIFICATION_TARGETS`);
  if (kind === "telegram" && token === null) wrong("TELEGRAM_BOT_TOKEN", "nothing", "the token of your Telegram bot");
  if (kind === "email" && notifications.email === null)
    wrong("notifications.email", "nothing", "a table { provider, from }, for a target of the kind email");
  const hours = quiet === undefined ? null : parseQuiet(quiet);
  const kinds = events === undefined ? null : OPERATOR_KINDS.filter((one) => events.includes(one));
  return { name: targetName(null, name), kind, to, login: null, quiet: hours, perHour: notifications.perHour, kinds };
}

function sendersOf(settings: Settings, wrong: Wrong): Senders {
  const {
    notifications,
    name,
    devnet,
    TELEGRAM_BOT_TOKEN: token,
    MAIL_API_KEY: mailKey,
    NOTIFICATION_KEY: key,
  } = settings;
  const { email } = notifications;
  const url = email === null ? null : (email.url ?? (email.provider === "generic" ? null : MAIL_URL[email.provider]));
  if (email !== null && mailKey === null) wrong("MAIL_API_KEY", "nothing", "the key of your mail provider");
  if (email !== null && url === null)
    wrong("notifications.email.url", "nothing", "where a generic provider takes mail");
  const telegramApi = notifications.telegramApi ?? TELEGRAM;
  for (const [variable, address] of [
    ["notifications.email.url", url],
    ["notifications.telegramApi", telegramApi],
  ] as const) {
    const problem = address === null ? null : targetProblem("webhook", address, devnet);
    if (problem !== null) wrong(variable, "what is not shown", problem);
  }
  return {
    pool: name,
    telegram: token === null ? null : { api: telegramApi.replace(/\/$/, ""), token },
    mail: email === null || mailKey === null || url === null ? null : { ...email, url, key: mailKey },
    webhookKey: (login) => (key === null ? null : login === null ? key : minerWebhookKey(key, login)),
  };
}

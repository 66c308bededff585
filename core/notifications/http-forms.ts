import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { beginningOf, type Message } from "./messages.ts";
import type { TargetKind } from "./targets.ts";

/** A POST to the outside. */
export interface HttpRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `body`: its first characters at most. No redirect is followed. */
export type HttpOutcome =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly retryAfter: string | null;
      readonly body: string;
    }
  | { readonly kind: "failed"; readonly reason: string };

/** Bounded in time and in what it reads. Never rejects. */
export type HttpPort = (request: HttpRequest) => Promise<HttpOutcome>;

/** How mail is sent. */
interface MailProvider {
  readonly provider: "resend" | "postmark" | "generic";
  readonly url: string;
  /** Sender. */
  readonly from: string;
  /** Secret. */
  readonly key: string;
}

/** What every target is sent by. */
export interface Senders {
  /** Name of the pool. */
  readonly pool: string;
  readonly telegram: { readonly api: string; readonly token: string } | null;
  readonly mail: MailProvider | null;
  /** Key of a webhook's signature; null: it is not signed. @param login whose webhook it is; null: the operator's */
  readonly webhookKey: (login: string | null) => string | null;
}

/** Where one goes. */
export interface Destination {
  readonly kind: TargetKind;
  readonly to: string;
  /** Whose; null: the operator's. */
  readonly login: string | null;
}

const encoder = new TextEncoder();

/** HMAC-SHA-256 as hex. */
export const mac = (key: string, text: string): string =>
  bytesToHex(hmac(sha256, encoder.encode(key), encoder.encode(text)));

/** The key that signs what is sent to a miner's webhooks, out of the pool's secret NOTIFICATION_KEY. */
export const minerWebhookKey = (key: string, login: string): string => mac(key, `webhook:${login}`);

/** Lengths that the services take, in characters; none of them splits a message by itself. */
const LONGEST = { telegram: 4_000, discord: 1_900 } as const;

const cut = (text: string, longest: number): string =>
  text.length <= longest ? text : `${beginningOf(text, longest)}…`;

/** @returns null where the operator has not set up what this kind is sent by @param id the same whenever these messages are sent again */
export function requestOf(
  senders: Senders,
  { kind, to, login }: Destination,
  messages: readonly Message[],
  id: string,
  nowMs: number,
): HttpRequest | null {
  const text = messages.map((message) => `${message.subject}\n${message.text}`.trim()).join("\n\n");
  switch (kind) {
    case "webhook":
      return webhookRequest(senders, to, login, messages, id, nowMs);
    case "telegram": {
      // https://core.telegram.org/bots/api#sendmessage
      const { telegram } = senders;
      if (telegram === null) return null;
      const chat = { chat_id: to, text: cut(text, LONGEST.telegram), link_preview_options: { is_disabled: true } };
      return post(`${telegram.api}/bot${telegram.token}/sendMessage`, chat);
    }
    case "discord":
      // https://discord.com/developers/docs/resources/webhook#execute-webhook; a rig's name must not ping a server
      return post(to, { content: cut(text, LONGEST.discord), allowed_mentions: { parse: [] } });
    case "email":
      return senders.mail === null ? null : mailRequest(senders.mail, to, subjectOf(senders.pool, messages), text, id);
  }
}

const subjectOf = (pool: string, [first, ...more]: readonly Message[]): string =>
  first !== undefined && more.length === 0 ? first.subject : `[${pool}] ${more.length + 1} messages`;

const post = (url: string, body: object, headers: Record<string, string> = {}): HttpRequest => ({
  url,
  headers: { "content-type": "application/json", "user-agent": "edgepool", ...headers },
  body: JSON.stringify(body),
});

/** The signature covers the time and the body, so that an old request cannot be sent again as a new one. */
function webhookRequest(
  { pool, webhookKey }: Senders,
  url: string,
  login: string | null,
  messages: readonly Message[],
  id: string,
  nowMs: number,
): HttpRequest {
  const key = webhookKey(login);
  const request = post(url, { v: 1, pool, id, messages }, { "idempotency-key": id });
  if (key === null) return request;
  const at = Math.floor(nowMs / 1000);
  const signature = `t=${at},v1=${mac(key, `${at}.${request.body}`)}`;
  return { ...request, headers: { ...request.headers, "x-edgepool-signature": signature } };
}

function mailRequest(
  { provider, url, from, key }: MailProvider,
  to: string,
  subject: string,
  text: string,
  id: string,
) {
  switch (provider) {
    case "resend":
      // https://resend.com/docs/api-reference/emails/send-email; the key counts for 24 hours (…/dashboard/emails/idempotency-keys)
      return post(url, { from, to: [to], subject, text }, { authorization: `Bearer ${key}`, "idempotency-key": id });
    case "postmark":
      // https://postmarkapp.com/developer/user-guide/send-email-with-api
      return post(
        url,
        { From: from, To: to, Subject: subject, TextBody: text, MessageStream: "outbound" },
        { accept: "application/json", "x-postmark-server-token": key },
      );
    case "generic":
      return post(url, { from, to, subject, text }, { authorization: `Bearer ${key}`, "idempotency-key": id });
  }
}

/** What became of a request. `later`: not before so long. `refused`: not these messages, however often they are sent. */
export type Delivery =
  | { readonly kind: "sent" }
  | { readonly kind: "later"; readonly afterMs: number; readonly reason: string }
  | { readonly kind: "failed" | "refused"; readonly reason: string };

const SHORTEST_MS = 1_000;
const LONGEST_WAIT_MS = 3_600_000;
/** Without a word about when: 429 means "not now". */
const USUAL_WAIT_MS = 60_000;
/** What is sent is at fault, and not who sends it or when. */
const BAD_MESSAGE: ReadonlySet<number> = new Set([400, 413, 422]);

/** @param nowMs for a Retry-After that names a moment */
export function deliveryOf(outcome: HttpOutcome, nowMs: number): Delivery {
  if (outcome.kind === "failed") return { kind: "failed", reason: outcome.reason };
  const { status } = outcome;
  if (status >= 200 && status < 300) return { kind: "sent" };
  const reason = `status ${status}`;
  if (status === 429 || (status === 503 && outcome.retryAfter !== null)) {
    const askedMs = retryAfterMs(outcome.retryAfter, outcome.body, nowMs) ?? USUAL_WAIT_MS;
    return { kind: "later", afterMs: Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_MS, askedMs)), reason };
  }
  return { kind: BAD_MESSAGE.has(status) ? "refused" : "failed", reason };
}

/** Seconds or a date in the header (RFC 9110, 10.2.3), or seconds in the body: Discord's `retry_after`, Telegram's `parameters.retry_after`. */
function retryAfterMs(header: string | null, body: string, nowMs: number): number | null {
  if (header !== null && /^\d+(?:\.\d+)?$/.test(header)) return Math.ceil(Number(header) * 1000);
  // oxlint-disable-next-line no-restricted-globals -- reads a given moment, no clock
  const atMs = header === null ? Number.NaN : Date.parse(header);
  if (Number.isFinite(atMs)) return atMs - nowMs;
  const seconds = /"retry_after"\s*:\s*(\d+(?:\.\d+)?)/.exec(body)?.[1];
  return seconds === undefined ? null : Math.ceil(Number(seconds) * 1000);
}

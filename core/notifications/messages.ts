import * as v from "valibot";

/** What operators are told of. */
export const OPERATOR_KINDS = [
  "node",
  "ledger",
  "cache",
  "outbox",
  "pool",
  "unlocker",
  "payment",
  "wallet",
  "block_found",
  "block_orphan",
  "silence",
  "target",
] as const;
export type OperatorKind = (typeof OPERATOR_KINDS)[number];

/** What miners are told of. */
const MINER_KINDS = ["rig_offline", "hashrate_fallen", "payment_sent"] as const;
/** Any of the pool's messages: of an incident that opens and closes, or of something that only happens. */
export const messageSchema = v.object({
  kind: v.picklist([...OPERATOR_KINDS, ...MINER_KINDS, "test", "confirm"]),
  phase: v.picklist(["opened", "closed", "told"]),
  /** The same for the opening and the closing of an incident, and for no other. */
  incident: v.string(),
  subject: v.string(),
  text: v.string(),
  /** Unix time in ms. */
  atMs: v.number(),
  /** For programs; amounts as decimal text. */
  data: v.record(v.string(), v.union([v.string(), v.number()])),
});

/** One thing to be told. */
export type Message = v.InferOutput<typeof messageSchema>;
/** What there is to tell, before it is put into words. */
export type Untold = Omit<Message, "subject" | "text">;
export type NotificationKind = Message["kind"];
export type MessageData = Message["data"];

/** By `<kind>` or `<kind>.closed`: subject, a line break, text. `{name}` stands for a member of the message's data. */
const TEMPLATES = {
  node: "Node {name} is not used\n{text}",
  "node.closed": "Node {name} is well again\nAfter {duration}.",
  ledger: "The ledger does not answer\n{text} Shares wait in the outbox, and nothing is lost while it has room.",
  "ledger.closed": "The ledger answers again\nAfter {duration}.",
  cache: "A light cache cannot be built\n{text}",
  "cache.closed": "The light cache is there\nAfter {duration}.",
  outbox: "The outbox grows\n{text}",
  "outbox.closed": "The outbox is empty\nAfter {duration}.",
  pool: "The pool is not well\n{text}",
  "pool.closed": "The pool is well again\nAfter {duration}.",
  unlocker: "The unlocker is stuck\n{text}",
  "unlocker.closed": "The unlocker goes on\nAfter {duration}.",
  payment: "Payments need you\n{text}",
  "payment.closed": "Payments go on\nAfter {duration}.",
  wallet: "The wallet is low\n{text}",
  "wallet.closed": "The wallet has enough again\nAfter {duration}.",
  block_found: "Block {height} found\nNonce {nonce}, effort {effort} %.",
  block_orphan: "Block {height} is an orphan\nNonce {nonce}: it is in no chain, and nobody is credited for it.",
  silence: "Most watched rigs fell silent at once\n{text}",
  "silence.closed": "Watched rigs are heard again\nAfter {duration}.",
  target: "Messages do not reach {name}\n{text}",
  "target.closed": "Messages reach {name} again\nAfter {duration}.",
  rig_offline: "Offline: {rigs}\nNo share since {since}.",
  "rig_offline.closed": "Back: {rigs}\nShares come again.",
  hashrate_fallen: "Your hashrate has fallen\nIt is at {percent} % of what it was in the hours before.",
  "hashrate_fallen.closed": "Your hashrate is up again\nAfter {duration}.",
  payment_sent: "Payment sent\n{amount} to {login}, transaction {tx}.",
  test: "A test\nMessages of this pool reach you.",
  confirm:
    "Do you want messages of this pool?\n{login} wants this address to be told of its rigs. If that is you, open {link} and confirm. If not, do nothing: no other message comes.",
} as const satisfies Record<string, string>;

type TemplateName = keyof typeof TEMPLATES;
export type Templates = Readonly<Partial<Record<TemplateName, string>>>;

/** Names of templates that an operator may write anew. */
const templateNames: readonly string[] = Object.keys(TEMPLATES);

const PLACEHOLDER = /\{(\w+)\}/g;
/** What an operator may take for one. */
const IN_BRACES = /\{([^{}]*)\}/g;

/** What is wrong with an operator's template; null where nothing is. */
export function templateProblem(name: string, text: string): string | null {
  const own = Object.entries(TEMPLATES).find(([known]) => known === name)?.[1];
  if (own === undefined) return `one of ${templateNames.join(", ")}`;
  const known = new Set([...own.matchAll(PLACEHOLDER)].map(([, place]) => place));
  for (const always of ["pool", "text", "duration", "login", "name"]) known.add(always);
  const foreign = [...text.matchAll(IN_BRACES)].find(([, place]) => !known.has(place))?.[1];
  if (foreign !== undefined) return `a text in which {…} is one of ${[...known].join(", ")}`;
  return text.length > 0 && text.length <= 1_000 ? null : "a text of 1 to 1000 characters";
}

/** @param templates the operator's own; `pool` is added to the data */
export function messageOf(templates: Templates, pool: string, { kind, phase, incident, atMs, data }: Untold): Message {
  const name: TemplateName = phase === "closed" && hasClosing(kind) ? `${kind}.closed` : kind;
  const filled = (templates[name] ?? TEMPLATES[name]).replaceAll(PLACEHOLDER, (_, place: string) =>
    plain(String(place === "pool" ? pool : (data[place] ?? ""))),
  );
  const [subject = "", ...rest] = filled.split("\n");
  return { kind, phase, incident, subject: `[${pool}] ${subject}`, text: rest.join("\n").trim(), atMs, data };
}

type Closing = { [Name in TemplateName]: Name extends `${infer Kind}.closed` ? Kind : never }[TemplateName];
const hasClosing = (kind: NotificationKind): kind is Closing => `${kind}.closed` in TEMPLATES;

/** The beginning of a text. Half a character at its end would be no Unicode, and the whole message is refused for it. */
export const beginningOf = (text: string, longest: number): string =>
  text.slice(0, longest).replace(/[\uD800-\uDBFF]$/, "");

/** What others wrote (a rig's name, a node's error) brings no line of its own. */
const plain = (text: string): string => beginningOf(text.replaceAll(/\p{Cc}/gu, " "), 600);

/** What the operator's guide says of the pool's own words and commands, and what the code has of them, are the same. */
import { readdirSync, readFileSync } from "node:fs";
import { parseSync } from "vite";
import { describe, expect, it } from "vitest";
import { isRecord } from "../../core/stratum/json-rpc.ts";
import { healthTexts, NODE_FAILURE_KINDS, type Told } from "../support/health-texts.ts";

const GUIDE = readFileSync("docs/OPERATING.md", "utf8");

/** Rows of the first table below a heading whose first column is called so, by cell. */
function tableBelow(heading: string, column: string): string[][] {
  const [, section = ""] = GUIDE.split(`\n${heading}\n`);
  const [, table = ""] = section.split(new RegExp(`^\\| ${column} \\|.*\\n\\|[ -|]+\\|\\n`, "m"));
  return (/^(?:\|.*\n)+/.exec(table)?.[0] ?? "")
    .trimEnd()
    .split("\n")
    .map((row) => row.slice(2, -2).split(" | "));
}
const quotedIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);

/** A text of the guide: `…` for anything, `N` and each figure for a figure. */
interface Row {
  readonly text: string;
  readonly kind: Told["kind"] | "refusal";
  readonly matches: RegExp;
}

function promised([says = ""]: string[]): Row[] {
  const rest = says.replace(/^in `notices`, with 200: /, "");
  return [...rest.matchAll(/(… )?`([^`]+)`/g)].map(([, within, text = ""]) => {
    const source = text
      .replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll("…", "[^]*")
      .replaceAll(/\bN\b|\d+/g, String.raw`(?:\d+|…)`);
    const kind =
      rest !== says ? "notice" : within !== undefined ? "node" : says.startsWith("with 500") ? "refusal" : "problem";
    return { text, kind, matches: new RegExp(`^${source}$`) };
  });
}

type Node = Readonly<Record<string, unknown>>;
/** Every node of a file's syntax tree, that of `throw` left out: what is thrown is a fault of the program. */
function nodesIn(file: string): Node[] {
  const found: Node[] = [];
  const look = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(look);
    if (!isRecord(value) || value["type"] === "ThrowStatement") return;
    if (typeof value["type"] === "string") found.push(value);
    Object.values(value).forEach(look);
  };
  look(parseSync(file, readFileSync(file, "utf8")).program);
  return found;
}

/** A literal, or a template with `…` for what stands in it; null for another node. */
function literalOf(node: unknown): string | null {
  if (!isRecord(node)) return null;
  const { type, value, quasis } = node;
  if (type === "Literal" && typeof value === "string") return value;
  if (type !== "TemplateLiteral" || !Array.isArray(quasis)) return null;
  return quasis
    .map((part) => (isRecord(part) && isRecord(part["value"]) ? String(part["value"]["cooked"]) : ""))
    .join("…");
}
const literalsIn = (file: string): string[] => nodesIn(file).flatMap((node) => literalOf(node) ?? []);

/** Names and literals of an object's properties. */
const entriesOf = (properties: unknown): (readonly [name: string, literal: string | null])[] =>
  Array.isArray(properties)
    ? properties.flatMap((one) =>
        isRecord(one) && isRecord(one["key"]) ? [[String(one["key"]["name"]), literalOf(one["value"])] as const] : [],
      )
    : [];

/** What a file pushes to one of these lists. */
const pushed = (file: string, ...lists: string[]): string[] =>
  nodesIn(file).flatMap(({ type, callee, arguments: given }) => {
    if (type !== "CallExpression" || !isRecord(callee) || !isRecord(callee["property"])) return [];
    const { object, property } = callee;
    if (property["name"] !== "push" || !isRecord(object) || !Array.isArray(given)) return [];
    const list = isRecord(object["property"]) ? object["property"]["name"] : object["name"];
    return lists.includes(String(list)) ? given.flatMap((one) => literalOf(one) ?? []) : [];
  });

/** What is said of a run that is no fault of a single block or payment. */
const RUN = {
  unlocker: [
    ...pushed("core/payouts/unlocker.ts", "problems").filter((text) => text !== "…: …"),
    ...pushed("core/payouts/payout-books.ts", "unreadable"),
    "the run ended early: …",
  ],
  payer: [
    ...pushed("core/payouts/payer/payer.ts", "problems"),
    ...pushed("core/payouts/payer/payer-nodes.ts", "problems"),
    ...literalsIn("core/payouts/payer/payer-nodes.ts").filter((text) =>
      text.startsWith("the nodes are not of one mind"),
    ),
  ],
};
/** Each of their literals that is prose is a text of `/health`, or a part of one. */
const SAYING = [
  "core/health/judge.ts",
  "core/health/shard-health.ts",
  "core/health/share-evidence.ts",
  "core/health/cron-watch.ts",
  "core/health/pool-parts.ts",
  "core/notifications/notifications-health.ts",
  "core/payouts/payer/payer-status.ts",
  "core/payouts/unlocker-status.ts",
  "core/home.ts",
];
const isProse = (text: string): boolean =>
  /\w+ \w+ \w+/.test(text) && !/^(?:CREATE|INSERT|SELECT|UPDATE|DELETE) /.test(text);
const longest = (text: string): string => text.split("…").toSorted((a, b) => b.length - a.length)[0] ?? "";

const isOf = (row: Row, { kind, text }: Told): boolean => row.kind === kind && row.matches.test(text);
const texts = await healthTexts(RUN);
const rows = tableBelow("### What waits for you", "it says").flatMap(promised);

describe("what /health says and the guide's table of it", () => {
  it("has a row for every text that the code says, among problems or among notices", () => {
    expect(texts.filter((told) => !rows.some((row) => isOf(row, told)))).toEqual([]);
    expect(texts.length).toBeGreaterThan(60);
  });

  it("has no row for a text that no code says, and none that stands for any text of a part", () => {
    const unsaid = rows.filter((row) => row.kind !== "refusal" && !texts.some((told) => isOf(row, told)));
    expect(unsaid.map(({ text }) => text)).toEqual([]);
    expect(rows.filter(({ text }) => !/\w[^…]* [^…]*\w/.test(text)).map(({ text }) => text)).toEqual([]);
  });

  it.each(SAYING)("%s says nothing that was not looked up in it", (file) => {
    const heard = texts.map(({ text }) => text).join("\n");
    expect(literalsIn(file).filter((text) => isProse(text) && !heard.includes(longest(text)))).toEqual([]);
  });

  it("knows each fault of a node that has no hint of its own", () => {
    const hints = nodesIn("core/work/upstream-health.ts").find(({ id }) => isRecord(id) && id["name"] === "TO_DO");
    const all = Object.values(isRecord(hints) && isRecord(hints["init"]) ? hints["init"] : {}).flatMap(entriesOf);
    expect(all.length).toBeGreaterThan(8);
    expect(
      all
        .filter(([, hint]) => hint === null)
        .map(([kind]) => kind)
        .toSorted(),
    ).toEqual([...NODE_FAILURE_KINDS].toSorted());
  });
});

/** First words of what stands in the first column. */
const commandsBelow = (heading: string): string[] =>
  sorted(
    tableBelow(heading, "command").flatMap(([first = ""]) =>
      quotedIn(first)
        .map((one) => one.split(/[ <[]/)[0] ?? "")
        .filter((one) => !one.startsWith("-")),
    ),
  );
const sorted = (names: readonly string[]): string[] => [...new Set(names)].toSorted();
/** What a command line's `switch` tells apart. */
const casesOf = (file: string): string[] =>
  sorted(nodesIn(file).flatMap(({ type, test }) => (type === "SwitchCase" ? (literalOf(test) ?? []) : [])));
/** Texts at one place of the calls of a function or method. */
const given = (file: string, name: string, at: number): string[] =>
  nodesIn(file).flatMap(({ type, callee, arguments: all }) => {
    if (type !== "CallExpression" || !isRecord(callee) || !Array.isArray(all)) return [];
    const called = isRecord(callee["property"]) ? callee["property"]["name"] : callee["name"];
    return called === name ? (literalOf(all[at]) ?? []) : [];
  });
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`);

const subcommands = (program: string): string[] =>
  given(`scripts/${program}/cli.ts`, "command", 0)
    .filter((command) => !command.startsWith("…") && command !== "list <pool>")
    .map((command) => `${program} -- ${command.split(" ")[0]}`);

describe("the guide's other tables", () => {
  it.each([
    ["scripts/admin/cli.ts", "## Running it"],
    ["scripts/payouts/cli.ts", "### Payments"],
  ])("%s has the commands that the guide has", (file, heading) => {
    expect(commandsBelow(heading)).toEqual(casesOf(file));
  });

  it("names every command of the ledger and the unlocker", () => {
    const commands = [...subcommands("ledger"), ...subcommands("unlocker")];
    expect(commands.length).toBeGreaterThan(9);
    expect(commands.filter((command) => !GUIDE.includes(command))).toEqual([]);
  });

  it("names what stands in the operator's log", () => {
    const [, line = ""] = /^Entries of `audit` by their `command`: (.*)$/m.exec(GUIDE) ?? [];
    const kinds = nodesIn("core/admin/pool-admin.ts").flatMap(({ type, key, typeAnnotation }) => {
      if (type !== "TSPropertySignature" || !isRecord(key) || key["name"] !== "kind") return [];
      const literal =
        isRecord(typeAnnotation) && isRecord(typeAnnotation["typeAnnotation"])
          ? typeAnnotation["typeAnnotation"]["literal"]
          : null;
      return literalOf(literal) ?? [];
    });
    const written = [...filesBelow("worker"), ...filesBelow("durable-objects")].flatMap((file) =>
      given(file, "writtenDown", 1),
    );
    expect(kinds.length).toBeGreaterThan(3);
    expect(
      quotedIn(line)
        .filter((one) => !["resume", "paused", "kind"].includes(one))
        .toSorted(),
    ).toEqual(sorted([...kinds, ...written]));
  });

  it("has every alert, and no other", () => {
    const alerts = [...readFileSync("ops/prometheus-alerts.yml", "utf8").matchAll(/- alert: (\w+)/g)];
    expect(
      tableBelow("### Metrics and alerts", "alert")
        .flatMap(([names = ""]) => quotedIn(names))
        .toSorted(),
    ).toEqual(sorted(alerts.map(([, name = ""]) => name)));
  });

  it("has every metric, and no other", () => {
    const file = "core/health/pool-metrics.ts";
    const metrics = [
      ...given(file, "gauge", 0).map((name) => `edgepool_${name}`),
      ...given(file, "counter", 0).map((name) => `edgepool_${name}_total`),
    ];
    expect(
      tableBelow("### Metrics and alerts", "of")
        .flatMap(([, names = ""]) => quotedIn(names))
        .filter((name) => name !== "HELP")
        .toSorted(),
    ).toEqual(sorted(metrics));
  });
});

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { expect, it } from "vitest";
import { settingsSchema } from "../../core/config-schema.ts";
import { isRecord } from "../../core/stratum/json-rpc.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** Not written by anyone, or not the pages of this repository. */
const FOREIGN = new Set(["node_modules", "dist", ".git", ".wrangler", ".edgepool"]);
const DECISIONS = "docs/decisions";

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return [relative(ROOT, path)];
    return FOREIGN.has(entry.name) ? [] : filesBelow(path);
  });
}

const files = filesBelow(ROOT);
const pages = files.filter((file) => file.endsWith(".md"));
const sources = files.filter((file) => /\.(?:tsx?|mjs|toml|lua)$/.test(file) && file !== "test/core/docs.test.ts");
const text = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const prose = (page: string): string => text(page).replaceAll(/^```[^]*?^```/gm, "");

/** Headings as GitHub makes anchors of them. */
function anchors(page: string): string[] {
  return [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** A path from the root, or its end. */
function exists(name: string): boolean {
  if (name.endsWith("/")) return files.some((file) => file.startsWith(name) || file.includes(`/${name}`));
  return files.some((file) => file === name || file.endsWith(`/${name}`));
}

/** A page of docs/ is named by its whole path; others as seen from the source, or by name. */
function pathOf(source: string, name: string): string | undefined {
  return (
    [name, normalize(join(dirname(source), name))].find((path) => pages.includes(path)) ??
    pages.find((page) => page.endsWith(`/${name}`) && !page.startsWith("docs/"))
  );
}

it("every relative link of a page leads to a file, and to a heading where it names one", () => {
  const dead = pages.flatMap((page) =>
    [...prose(page).matchAll(/\]\((?![a-z]+:)([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : normalize(join(dirname(page), path));
      const leads =
        existsSync(join(ROOT, target)) &&
        (anchor === undefined || anchors(target).includes(decodeURIComponent(anchor)));
      return leads ? [] : [`${page}: ${link}`];
    }),
  );
  expect(dead).toEqual([]);
});

it("every file and folder that a page names exists", () => {
  const missing = pages.flatMap((page) =>
    [...prose(page).matchAll(/`([\w.-]+(?:\/[\w.-]+)*(?:\.(?:tsx?|mjs|md|toml|json|lua|cpp|css|sh)|\/))`/g)]
      .map(([, name = ""]) => name)
      .filter((name) => !FOREIGN.has(name.replace(/\/$/, "")) && !exists(name))
      .map((name) => `${page}: ${name}`),
  );
  expect(missing).toEqual([]);
});

const scriptsIn = (folder: string): string[] => Object.keys(JSON.parse(text(`${folder}package.json`)).scripts);

it("every npm command that a page names is one", () => {
  const known = {
    "": scriptsIn(""),
    "@edgepool/ethash-wasm": scriptsIn("wasm/"),
    "@edgepool/bridge": scriptsIn("bridge/"),
  };
  const unknown = pages.flatMap((page) =>
    [...text(page).matchAll(/npm run (?:-s |--silent )?(\w[\w:-]*)(?: -w ([@\w/-]+))?/g)]
      .filter(
        ([, name = "", workspace = ""]) =>
          !Object.entries(known).some(([of, all]) => of === workspace && all.includes(name)),
      )
      .map(([command]) => `${page}: ${command}`),
  );
  expect(unknown).toEqual([]);
});

it("every package that could be published has a scope of its own, and no page runs one from the registry", () => {
  const manifests = files.filter((file) => file.endsWith("package.json")).map((file) => JSON.parse(text(file)));
  const open = manifests.filter(({ private: closed }) => closed !== true).map(({ name }) => String(name));
  // Whoever owns an unscoped name in the registry owns the machine of each miner who types it.
  expect(open.filter((name) => !name.startsWith("@edgepool/"))).toEqual([]);
  expect(open.length).toBeGreaterThan(0);
  const ours = /npx (?:--?\S+ )*(?:@edgepool|edgepool|ethash-wasm)/;
  expect([...pages, ...sources].filter((file) => ours.test(text(file)))).toEqual([]);
});

it("every page that a source names exists, and so does the section", () => {
  const missing = sources.flatMap((source) =>
    [...text(source).matchAll(/([\w./-]*[\w-]\.md)\b(?:, sections? (\d+(?:(?:, | and )\d+)*))?/g)].flatMap(
      ([reference, name = "", sections = ""]) => {
        const page = pathOf(source, name);
        if (page === undefined) return [`${source}: ${reference}`];
        const numbers = sections.match(/\d+/g) ?? [];
        const found = numbers.every((number) => new RegExp(`^## ${number}\\. `, "m").test(text(page)));
        return found ? [] : [`${source}: ${reference}`];
      },
    ),
  );
  expect(missing).toEqual([]);
});

it("every decision has a number, a date and a status, and the index lists each as it is", () => {
  const records = files.filter((file) => dirname(file) === DECISIONS && !file.endsWith("README.md")).toSorted();
  const lines = records.map((record, at) => {
    const [, number = "", title = "", date = "", status = ""] =
      /^# (\d+)\. (.+)\n\n(\d{4}-\d\d-\d\d) · (accepted|superseded by \d+)\n/.exec(text(record)) ?? [];
    const name = record.slice(DECISIONS.length + 1);
    expect([record, number, name.slice(0, 4)]).toEqual([record, String(at + 1), String(at + 1).padStart(4, "0")]);
    return `| ${number} | [${title}](${name}) | ${date} | ${status} |`;
  });
  expect(text(`${DECISIONS}/README.md`).match(/^\| \d.*$/gm)).toEqual(lines);
});

/** Settings by name, those of a table by `table.name`. @param schema of valibot */
function namesIn(schema: unknown, path = ""): string[] {
  if (!isRecord(schema)) return [path];
  if ("wrapped" in schema) return namesIn(schema["wrapped"], path);
  const { entries } = schema;
  if (!isRecord(entries)) return [path];
  return Object.entries(entries).flatMap(([name, inner]) => namesIn(inner, path === "" ? name : `${path}.${name}`));
}

it("every setting has its row in the operator's guide, alone or with its table", () => {
  const named = new Set([...text("docs/OPERATING.md").matchAll(/`([\w.]+(?:\.\*)?)`/g)].map(([, name]) => name));
  const absent = namesIn(settingsSchema).filter((name) => {
    const table = name.slice(0, name.lastIndexOf("."));
    return ![name, `${table}.*`, table].some((way) => named.has(way));
  });
  expect(absent).toEqual([]);
});

/**
 * `npm run -s build:lua`: writes core/ledger/contract/scripts/embedded.ts from the `.lua` files beside it, because Node, Vite and wrangler all
 * load a TypeScript module alike and none of them a Lua file. `npm run build` runs it too; test/ledger/scripts.test.ts holds the two together.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "../../core/ledger/contract/scripts");
const PRELUDE = "prelude.lua";
const MARKER = "-- @prelude\n";

/** The module's path. */
export const EMBEDDED = join(FOLDER, "embedded.ts");

/** The text of the module. @throws Error when a script does not say where its prelude goes */
export function embeddedScripts(): string {
  const prelude = read(PRELUDE).replace(/^(?:--.*\n)+/, "");
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".lua") && file !== PRELUDE);
  const scripts = files.toSorted().map((file) => {
    const source = read(file);
    if (source.split(MARKER).length !== 2) throw new Error(`${file}: a line "${MARKER.trim()}" is expected once`);
    const text = source.replace(MARKER, () => `${prelude}\n`);
    const name = basename(file, ".lua");
    return { name, constant: name.replaceAll("-", "_").toUpperCase(), text };
  });
  const constants = scripts.map(
    ({ name, constant, text }) => `
export const ${constant}: LedgerScript = {
  name: ${JSON.stringify(name)},
  sha1: "${createHash("sha1").update(text).digest("hex")}",
  // oxfmt-ignore
  text: ${JSON.stringify(text)},
};
`,
  );
  return `// Written by scripts/ledger/embed-scripts.ts from the .lua files in this folder: change those, then \`npm run -s build:lua\`.
import type { LedgerScript } from "./script.ts";
${constants.join("")}
/** Every script by its name. */
export const LEDGER_SCRIPTS = {
${scripts.map(({ name, constant }) => `  ${JSON.stringify(name)}: ${constant},`).join("\n")}
};
`;
}

function read(file: string): string {
  return readFileSync(join(FOLDER, file), "utf8");
}

if (import.meta.main) writeFileSync(EMBEDDED, embeddedScripts());

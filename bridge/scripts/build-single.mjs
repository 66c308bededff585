// Builds the bridge as one file for any Node from 20 on, which the pool serves to its miners: web/dist/bridge.mjs, and beside it
// its SHA-256 in the form that `sha256sum -c` reads. Its version is the pool's.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../../", import.meta.url));
const out = join(root, "web", "dist", "bridge.mjs");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const { outputFiles, metafile } = await build({
  entryPoints: [join(root, "bridge", "src", "cli.ts")],
  absWorkingDir: root,
  outfile: out,
  write: false,
  bundle: true,
  metafile: true,
  platform: "node",
  format: "esm",
  target: "node20",
  define: { SINGLE_FILE_VERSION: JSON.stringify(version) },
  // Some of the packages are CommonJS and ask for Node's own modules by `require`.
  banner: { js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);' },
  legalComments: "none",
  logLevel: "warning",
});

/** The packages that went in, with their licences: whoever gets the file gets these. */
function licences() {
  const folders = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];
    if (folder !== undefined) folders.add(folder);
  }
  return [...folders]
    .toSorted((one, other) => one.localeCompare(other))
    .map((folder) => {
      const { name, version: number, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
      const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e(\.\w+)?$/i.test(entry));
      const text = file === undefined ? `${license}` : readFileSync(join(root, folder, file), "utf8").trim();
      return `${name} ${number}\n\n${text.replaceAll("*/", "* /")}`;
    });
}

const [{ text }] = outputFiles;
const own = readFileSync(join(root, "LICENSE"), "utf8").trim();
const notice = [`edgepool bridge ${version}\n\n${own}`, ...licences()].join("\n\n----\n\n");
const file = `${text.trimEnd()}\n/*\n${notice}\n*/\n`;
writeFileSync(out, file);
writeFileSync(`${out}.sha256`, `${createHash("sha256").update(file).digest("hex")}  bridge.mjs\n`);
console.log(`${dirname(out)}: bridge.mjs ${version}, ${Math.round(file.length / 1024)} KiB`);

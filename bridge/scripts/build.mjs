// Builds what is published: plain JavaScript for Node 20 and type declarations, in dist/.
// In the repository itself nothing is built: Node runs the TypeScript.
import { spawnSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

rmSync(here("dist"), { recursive: true, force: true });
await build({
  entryPoints: [here("src/cli.ts"), here("src/index.ts")],
  outdir: here("dist"),
  bundle: true,
  // Dependencies stay what npm installs; only the repository's own files are bundled.
  packages: "external",
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: false,
});
chmodSync(here("dist/cli.js"), 0o755);

const types = spawnSync(
  process.execPath,
  [here("../node_modules/typescript/bin/tsc"), "-p", here("tsconfig.build.json")],
  {
    stdio: "inherit",
  },
);
if (types.status !== 0) throw new Error("type declarations could not be built");

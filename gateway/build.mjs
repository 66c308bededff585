// Builds the gateway as one file for any Node from 20 on, gateway/dist/gateway.mjs: what ops/compose runs beside Redis.
import { join } from "node:path";
import { build } from "esbuild";

await build({
  entryPoints: [join(import.meta.dirname, "cli.ts")],
  outfile: join(import.meta.dirname, "dist", "gateway.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  // Some of the packages are CommonJS and ask for Node's own modules by `require`.
  banner: { js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);' },
  logLevel: "warning",
});

import { availableParallelism } from "node:os";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// Tests whose name ends in .slow.test.ts take longer than one waits for: `vitest run --project slow`.
// Tests whose name ends in .redis.test.ts or .browser.test.ts need a program that npm cannot bring (redis-server, Chromium).
const installed = ["**/node_modules/**"];
const further = ["**/*.slow.test.ts", "**/*.redis.test.ts", "**/*.browser.test.ts", ...installed];
// One file at a time, and after everything else.
const wholeProcesses = { fileParallelism: false, testTimeout: 180_000, sequence: { groupOrder: 2 } };
const node = (name: string, include: string[], exclude = further) => ({
  test: { name, include, exclude, environment: "node" },
});

export default defineConfig({
  test: {
    // Virtual time costs CPU: a busy machine takes its time over what a quiet one does in a second.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Vitest leaves one core free, which is half of a small machine; half of the tests wait for clocks, sockets and other processes.
    maxWorkers: Math.max(2, availableParallelism()),
    projects: [
      node("core", ["test/core/**/*.test.ts"]),
      node("wasm", ["wasm/test/**/*.test.ts"]),
      node("bridge", ["bridge/test/**/*.test.ts"]),
      node("ledger", ["test/ledger/**/*.test.ts"]),
      {
        plugins: [
          cloudflareTest({
            main: "./worker/index.ts",
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: { devnet: true } },
          }),
        ],
        test: { name: "workerd", include: ["test/workerd/**/*.test.ts"] },
      },
      // Whole processes on ports of their own, with time for a machine that does something else as well. They wait for clocks and for each
      // other most of the time (four files at once: 75 s of CPU in 123 s), and so more of them run at once, when the others are done.
      {
        test: {
          ...node("e2e", ["test/e2e/**/*.test.ts"]).test,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          maxWorkers: Math.max(4, availableParallelism()),
          sequence: { groupOrder: 1 },
          globalSetup: ["test/e2e/support/bundle-once.ts"],
        },
      },
      { test: { ...node("redis", ["{test,bridge,wasm}/**/*.redis.test.ts"], installed).test, ...wholeProcesses } },
      { test: { ...node("slow", ["wasm/test/**/*.slow.test.ts"], installed).test, testTimeout: 180_000 } },
      // One process a script behind a routing edge, and a thousand sockets.
      {
        test: {
          ...node("deploy", ["test/deploy/**/*.test.ts"], installed).test,
          ...wholeProcesses,
          testTimeout: 900_000,
        },
      },
      // Programs of others (Go): what they make of a chain, against what the pool makes of it.
      { test: { ...node("strangers", ["test/strangers/**/*.test.ts"], installed).test, ...wholeProcesses } },
      { test: { ...node("browser", ["test/**/*.browser.test.ts"], installed).test, ...wholeProcesses } },
    ],
  },
});

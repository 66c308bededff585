import { availableParallelism } from "node:os";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { TestOrder } from "./scripts/test-order.ts";

// Miniflare hands it to workerd, which knows no limit of memory where Cloudflare's isolates end at 128 MB: 96 MiB for each WebAssembly memory and
// 64 MB of heap, in which the tests themselves live as well. Pools of whole processes have 32 (devnet/pool-host/pool-process.ts).
process.env["MINIFLARE_WORKERD_V8_FLAGS"] ??= "--wasm-max-mem-pages=1536 --max-old-space-size=64";

// Tests whose name ends in .slow.test.ts take longer than one waits for: `vitest run --project slow`.
// Tests whose name ends in .redis.test.ts, .browser.test.ts or .promtool.test.ts need a program that npm cannot bring (redis-server, Chromium, promtool).
const installed = ["**/node_modules/**"];
const further = [
  "**/*.slow.test.ts",
  "**/*.redis.test.ts",
  "**/*.browser.test.ts",
  "**/*.promtool.test.ts",
  ...installed,
];
// These play a short campaign in their own group, and the whole of it in the group of slow tests (test/support/campaign-runs.ts).
const CAMPAIGNS = [
  "test/core/session/share-worth.test.ts",
  "test/core/shares/{block-fate,exactly-once,recovery}.test.ts",
  "test/ledger/{payer-campaign,unlocker-campaign,window}.test.ts",
];
// One file at a time, and after everything else.
const wholeProcesses = { fileParallelism: false, testTimeout: 180_000, sequence: { groupOrder: 1 } };
const node = (name: string, include: string[], exclude = further) => ({
  test: { name, include, exclude, environment: "node" },
});
// What is a function of its arguments needs no process of its own for each file: many of the files are done sooner than a process has begun.
const shared = (name: string, include: string[]) => ({ test: { ...node(name, include).test, isolate: false } });

export default defineConfig({
  test: {
    // Virtual time costs CPU: a busy machine takes its time over what a quiet one does in a second.
    testTimeout: 300_000,
    hookTimeout: 180_000,
    // More files at once than cores: those of whole processes wait most of their time (scripts/test-order.ts).
    maxWorkers: Math.max(6, availableParallelism()),
    sequence: { sequencer: TestOrder },
    projects: [
      shared("core", ["test/core/**/*.test.ts"]),
      shared("wasm", ["wasm/test/**/*.test.ts"]),
      shared("bridge", ["bridge/test/**/*.test.ts"]),
      shared("ledger", ["test/ledger/**/*.test.ts"]),
      // The pool inside workerd, an isolate a file: lists, leases and caches live in one, beside what its heap of 64 MB holds.
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
      // Whole processes on ports of their own, with time for a machine that does something else as well.
      {
        test: {
          ...node("e2e", ["test/e2e/**/*.test.ts"]).test,
          testTimeout: 600_000,
          globalSetup: ["test/e2e/support/bundle-once.ts"],
        },
      },
      { test: { ...node("redis", ["{test,bridge,wasm}/**/*.redis.test.ts"], installed).test, ...wholeProcesses } },
      {
        test: {
          ...node("slow", ["{test,wasm}/**/*.slow.test.ts", ...CAMPAIGNS], installed).test,
          env: { EDGEPOOL_CAMPAIGNS: "whole" },
          testTimeout: 600_000,
          globalSetup: ["test/e2e/support/bundle-once.ts"],
        },
      },
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
      { test: { ...node("promtool", ["test/**/*.promtool.test.ts"], installed).test, ...wholeProcesses } },
      { test: { ...node("browser", ["test/**/*.browser.test.ts"], installed).test, ...wholeProcesses } },
    ],
  },
});

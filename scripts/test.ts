/**
 * `npm test`: every test that needs nothing but npm. Says loudly what it left out and how to run it.
 * `npm test -- PATTERN …` narrows it to some files.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const projects = ["core", "wasm", "bridge", "ledger", "workerd", "e2e"];
const env = { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" };
const vitest = join(import.meta.dirname, "..", "node_modules", "vitest", "vitest.mjs");

const given = process.argv.slice(2);
const reporters = [
  ...(given.some((word) => word.startsWith("--reporter")) ? [] : ["--reporter=default"]),
  `--reporter=${join(import.meta.dirname, "group-progress.ts")}`,
];

const { status } = spawnSync(
  process.execPath,
  [vitest, "run", ...projects.flatMap((name) => ["--project", name]), ...reporters, ...given],
  { stdio: "inherit", env },
);

const onPath = (program: string) =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
const say = (text: string) => process.stderr.write(`\nedgepool: ${text}\n`);
const further = [
  ["deploy", "node", "each script replaced in a process of its own, under a thousand sockets"],
  [
    "slow",
    "npm",
    "the larger light caches, real epochs against an independent implementation, the packed ethash-wasm; a pool's epoch boundary with caches of 70 MiB, a minute of random input, injected faults, an outage of a minute, lost answers about blocks, payments over kills, every way to end npm start; whole campaigns of what plays a short one here",
  ],
  ["strangers", "go", "go-ethereum and Go's Redis client against the pool"],
  ["redis", "redis-server", "the ledger against a real Redis, fault injection"],
  ["promtool", "promtool", "the alert rules as Prometheus evaluates them"],
  ["browser", "chromium", "the dashboard in a real browser"],
] as const;
for (const [group, program, what] of further) {
  const how = onPath(program) ? `npm run test:${group}` : `install ${program}, then npm run test:${group}`;
  say(`LEFT OUT: test group "${group}" (${what}). To run it: ${how}`);
}
process.exitCode = status ?? 1;

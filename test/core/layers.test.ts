import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as v from "valibot";

/** A copy of the sources to plant into, under the project's own rules. */
let copy = "";
const root = join(import.meta.dirname, "../..");
const COPIED = [
  "core",
  "durable-objects",
  "worker",
  "bridge/src",
  "web/src",
  "devnet",
  "gateway",
  "wasm/src",
  "test/support",
];
const RULES = [".oxlintrc.json", "tsconfig.base.json", "tsconfig.core.json"];

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "layers-"));
  for (const path of [...COPIED, ...RULES]) await cp(join(root, path), join(copy, path), { recursive: true });
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
});
afterAll(() => rm(copy, { recursive: true, force: true }));

const report = v.object({ diagnostics: v.array(v.object({ code: v.string(), filename: v.string() })) });

/** What a program of the tool chain prints, whatever its exit code: a planted fault makes it fail. */
async function printed(program: string, ...args: string[]): Promise<string> {
  const path = join(root, "node_modules", ".bin", program);
  const options = { cwd: copy, maxBuffer: 1 << 26 };
  return await promisify(execFile)(path, args, options).then(
    ({ stdout }) => stdout,
    (error: unknown) => v.parse(v.object({ stdout: v.string() }), error).stdout,
  );
}

/** What lint has against each file, by rule. */
async function lint(): Promise<Map<string, Set<string>>> {
  const { diagnostics } = v.parse(report, JSON.parse(await printed("oxlint", "--format=json", ...COPIED)));
  const found = new Map<string, Set<string>>();
  for (const { code, filename } of diagnostics) {
    const file = relative(copy, join(copy, filename));
    found.set(file, (found.get(file) ?? new Set()).add(/\(([^)]+)\)/.exec(code)?.[1] ?? code));
  }
  return found;
}

/** What the compiler says of core, seen alone; nothing when it is right. */
const compileCore = async () => await printed("tsc", "-p", "tsconfig.core.json");

/** Plants files, looks, and takes them out again. */
async function withPlanted<T>(files: Readonly<Record<string, string>>, look: () => Promise<T>): Promise<T> {
  const paths = Object.keys(files).map((name) => join(copy, name));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(copy, name), text);
    return await look();
  } finally {
    for (const path of paths) await rm(path, { force: true });
  }
}

/** A file that breaks one rule: where it is, what it says, and which rule must refuse it. */
const PLANTED: readonly (readonly [file: string, text: string, rule: string])[] = [
  ["core/planted-value.ts", 'export { loadConfig } from "../durable-objects/platform/config.ts";', "imports"],
  ["core/planted-type.ts", 'import type { Env } from "../durable-objects/env.ts";\nexport type E = Env;', "imports"],
  ["core/planted-later.ts", 'export const later = () => import("../worker/cron.ts");', "imports"],
  ["core/planted-inline.ts", 'export type E = import("../durable-objects/env.ts").Env;', "consistent-type-imports"],
  ["core/work/planted-deep.ts", 'export type { Env } from "../../durable-objects/env.ts";', "imports"],
  ["core/planted-node.ts", 'export { readFile } from "node:fs/promises";', "imports"],
  ["core/planted-workers.ts", 'export { env } from "cloudflare:workers";', "imports"],
  ["core/planted-test.ts", 'export { MemoryRedis } from "../test/support/memory-redis.ts";', "imports"],
  ["core/planted-date.ts", "export const now = () => new Date();", "no-restricted-globals"],
  ["core/planted-now.ts", "export const now = () => Date.now();", "no-restricted-globals"],
  ["core/planted-random.ts", "export const random = () => Math.random();", "no-restricted-properties"],
  ["core/planted-fetch.ts", 'export const ask = () => fetch("http://127.0.0.1/");', "no-restricted-globals"],
  ["durable-objects/planted-value.ts", 'export { scheduled } from "../worker/cron.ts";', "imports"],
  ["durable-objects/platform/planted-type.ts", 'export type * from "../../worker/getwork.ts";', "imports"],
  ["worker/planted-devnet.ts", 'export type * from "../devnet/json-rpc.ts";', "imports"],
  ["web/src/planted-type.ts", 'export type { Env } from "../../durable-objects/env.ts";', "imports"],
  ["bridge/src/planted-type.ts", 'export type { Env } from "../../durable-objects/env.ts";', "imports"],
  ["devnet/planted-type.ts", 'export type { Env } from "../durable-objects/env.ts";', "imports"],
  ["wasm/src/planted-core.ts", 'export { sleep } from "../../core/clock.ts";', "imports"],
  ["core/planted-one.ts", 'export { two } from "./planted-two.ts";\nexport const one = 1;', "no-cycle"],
  ["core/planted-two.ts", 'import { one } from "./planted-one.ts";\nexport const two = one + 1;', "no-cycle"],
  ["core/planted-a.ts", 'import type { B } from "./planted-b.ts";\nexport interface A { b: B }', "no-cycle"],
  ["core/planted-b.ts", 'import type { A } from "./planted-a.ts";\nexport interface B { a: A }', "no-cycle"],
];

describe("the layers", { timeout: 300_000 }, () => {
  it("hold: lint has nothing against the sources as they are", async () => {
    expect([...(await lint()).keys()]).toEqual([]);
  });

  it("do not let a file look upwards, at a platform or in a circle, with values or with types", async () => {
    const files = Object.fromEntries(PLANTED.map(([file, text]) => [file, `${text}\n`]));
    const found = await withPlanted(files, lint);
    const refused = PLANTED.filter(([file, , rule]) =>
      found.get(file)?.has(rule === "imports" ? "no-restricted-imports" : rule),
    );
    expect(refused.map(([file]) => file)).toEqual(PLANTED.map(([file]) => file));
    expect([...found.keys()].toSorted()).toEqual(PLANTED.map(([file]) => file).toSorted());
  });
});

describe("core compiled by itself", { timeout: 300_000 }, () => {
  it("compiles", async () => {
    expect(await compileCore()).toBe("");
  });

  it("knows nothing of a platform, a clock or the network", async () => {
    const names = ["fetch", "WebSocket", "console", "AbortSignal", "performance", "setTimeout", "crypto", "process"];
    names.push("Buffer", "Request", "Response", "ReadableStream", "WebAssembly", "DurableObject", "structuredClone");
    const text = names.map((name) => `export const planted${name} = ${name};`).join("\n");
    const found = await withPlanted({ "core/planted.ts": `${text}\n` }, compileCore);
    const unknown = [...found.matchAll(/^core\/planted\.ts.*: Cannot find name '(\w+)'/gm)].map(([, name]) => name);
    expect(unknown).toEqual(names);
  });
});

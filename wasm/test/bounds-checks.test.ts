import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { vectors } from "./vectors.ts";

const script = fileURLToPath(new URL("self-check.ts", import.meta.url));
const run = (...flags: string[]): unknown =>
  JSON.parse(
    execFileSync(process.execPath, ["--disable-warning=ExperimentalWarning", ...flags, script], { encoding: "utf8" }),
  );

// V8 compiles other code where it has no trap handler and checks every access itself, as in workerd.
test("every kernel computes the same with explicit bounds checks as without, and the published cache", () => {
  const checked = run("--wasm-enforce-bounds-checks");
  expect(checked).toEqual(run());
  expect(checked).toHaveProperty("cache", vectors.caches.find(({ size_epoch }) => size_epoch === 0)?.value);
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..", "..");
/** Programs of others, built once and kept with what `npm install` brings. */
const KEPT = join(ROOT, "node_modules", ".edgepool", "strangers");

/** @throws Error with what the program wrote, when it ends badly */
export async function run(program: string, args: readonly string[], cwd: string, env = process.env): Promise<void> {
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const failed = once(child, "error").then(([error]: unknown[]) => {
    throw error;
  });
  const ended = once(child, "exit").then(([code]: unknown[]) => {
    if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${said}`);
  });
  await Promise.race([ended, failed]);
}

/** Builds a Go module of this folder. Go's own cache makes the second time short. @returns the program */
export async function buildGo(module: string): Promise<string> {
  await mkdir(KEPT, { recursive: true });
  const program = join(KEPT, module);
  // A dependency of geth's reaches into Go's runtime, which newer linkers refuse without this.
  await run("go", ["build", "-ldflags=-checklinkname=0", "-o", program, "."], join(import.meta.dirname, "..", module));
  return program;
}

/** Installs go-ethereum's own node, at the version whose library the other modules use. @returns the program */
export async function installGeth(): Promise<string> {
  await mkdir(KEPT, { recursive: true });
  const source = "github.com/ethereum/go-ethereum/cmd/geth@v1.10.26";
  await run("go", ["install", "-ldflags=-checklinkname=0", source], KEPT, { ...process.env, GOBIN: KEPT });
  return join(KEPT, "geth");
}

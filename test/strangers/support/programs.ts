import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { delimiter, join } from "node:path";

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

/** A Python with packages of PyPI, in an environment of its own. @returns the interpreter */
export async function pythonWith(packages: readonly string[]): Promise<string> {
  const environment = join(KEPT, "python");
  const python = join(environment, "bin", "python");
  const done = join(environment, packages.join("+"));
  if (existsSync(done)) return python;
  await mkdir(KEPT, { recursive: true });
  await run("python3", ["-m", "venv", environment], KEPT);
  await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages], KEPT);
  await writeFile(done, "");
  return python;
}

/** websocat, from crates.io: the version that today's compilers take, without TLS. Some minutes the first time. @returns the program */
export async function buildWebsocat(): Promise<string> {
  const program = join(KEPT, "cargo", "bin", "websocat");
  if (existsSync(program)) return program;
  const version = ["websocat", "--version", "4.0.0-alpha3", "--no-default-features", "--debug", "--locked"];
  await run("cargo", ["install", ...version, "--root", join(KEPT, "cargo")], ROOT);
  return program;
}

/** Whether a program can be called by its name. */
export function onPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** SIGKILL, also of one that has ended or was never started. Resolves when it is gone. */
export async function killed(child: ChildProcess | null | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

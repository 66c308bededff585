// Entry of `npm start`, `npm test` and `npm run build`. Runs on the Node that the machine has (20 or later), brings in
// everything else (dependencies, a current Node from the `node` package, built packages) and then hands over to that Node.
// Plain JavaScript on purpose, which Node 14 can read: nothing is installed yet when it starts, and an old Node is to be told so.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stampDir = join(root, "node_modules", ".edgepool");
/** Where Node keeps what it has compiled: a program that starts again is there in half the time. */
const compiled = join(stampDir, "compiled");
const currentNode = join(root, "node_modules", ".bin", process.platform === "win32" ? "node.exe" : "node");

/** What each build step reads and how it is run; a step is skipped while the hash of what it reads is unchanged. */
const BUILDS = [
  {
    name: "ethash-wasm",
    inputs: ["wasm/assembly", "wasm/src", "wasm/scripts", "wasm/package.json", "wasm/tsconfig.json"],
    output: "wasm/dist",
    args: ["run", "build", "--silent", "-w", "@edgepool/ethash-wasm"],
  },
  {
    name: "Lua scripts",
    inputs: ["core/ledger/contract/scripts", "scripts/ledger/embed-scripts.ts"],
    output: "core/ledger/contract/scripts/embedded.ts",
    args: ["run", "build:lua", "--silent"],
  },
  {
    name: "dashboard",
    inputs: ["web", "package-lock.json"],
    output: "web/dist",
    args: ["run", "build:web", "--silent"],
  },
  {
    // After the dashboard, whose build empties the folder.
    name: "bridge",
    inputs: ["bridge/src", "bridge/scripts", "core", "package.json", "package-lock.json"],
    output: "web/dist/bridge.mjs",
    args: ["run", "build:bridge", "--silent"],
  },
];

/** Programs of the development network, which need the current Node and the built packages like the rest. */
const DEVNET = ["node", "miner", "upstash-gateway"];

const PROGRAM = [
  "--disable-warning=ExperimentalWarning",
  `--import=${pathToFileURL(join(root, "scripts", "reader-gone.mjs")).href}`,
];

/** What a task runs once everything is in place: arguments for the current Node. */
const TASKS = {
  build: () => null,
  start: (rest) => ["--disable-warning=ExperimentalWarning", join(root, "devnet", "start.ts"), ...rest],
  test: (rest) => [join(root, "scripts", "test.ts"), ...rest],
  devnet: ([program = "", ...rest]) => {
    if (DEVNET.includes(program)) return [...PROGRAM, join(root, "devnet", "cli", `${program}.ts`), ...rest];
    say(`which one: ${DEVNET.map((name) => `npm run -s devnet -- ${name} --help`).join(", ")}`);
    process.exit(1);
  },
  run: (rest) => [...PROGRAM, ...rest],
};

// Progress goes to stderr, so that `--json` and pipes keep standard output to themselves.
const say = (text) => process.stderr.write(`edgepool: ${text}\n`);

function sha(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !["dist", "generated", "node_modules"].includes(entry.name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => filesBelow(join(path, entry.name)));
}

const PARENT_EVERY_MS = 500;
/** `npm start` ends everything in less; one that is frozen itself is killed, and its workerd ends with it. */
const KILL_START_AFTER_MS = 5_000;
const underNpm = process.env.npm_lifecycle_event !== undefined;

function run(command, args, { quiet = false, killAfterMs = null } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["inherit", quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
      env: {
        NODE_COMPILE_CACHE: compiled,
        ...process.env,
        PATH: [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter),
      },
      shell: process.platform === "win32",
    });
    let output = "";
    child.stdout?.on("data", (chunk) => (output += chunk));
    child.stderr?.on("data", (chunk) => (output += chunk));
    // The child is in our process group and gets Ctrl-C itself; we only wait for it.
    // SIGTERM comes to us alone and is passed on. Where it comes to npm, npm's shell dies of it and we hear nothing.
    let killing;
    const told = () => {
      if (killAfterMs !== null && !killing) killing = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    };
    const pass = () => {
      child.kill("SIGTERM");
      told();
    };
    const parent = process.ppid;
    const watch = setInterval(() => process.ppid !== parent && underNpm && pass(), PARENT_EVERY_MS);
    process.on("SIGINT", told);
    process.on("SIGTERM", pass);
    const finish = (code) => {
      clearInterval(watch);
      clearTimeout(killing);
      process.off("SIGINT", told);
      process.off("SIGTERM", pass);
      resolve({ code, output });
    };
    child.on("error", (error) => finish(((output += error.message), 127)));
    child.on("exit", (code, signal) => finish(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}

/** Bytes on the disk that node_modules and what npm keeps of it take; with less, npm ends with any text but that one. */
const INSTALL_NEEDS = 1_500_000_000;
const NO_NETWORK =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|E?TIMEDOUT|EIDLETIMEOUT)\b/i;

/** What a failed `npm install` comes from where it is the machine and not the project: npm names a symptom of it. */
async function installAdvice(output) {
  // Not at the top: a Node that does not have it could not even say that it is too old.
  const { statfs } = await import("node:fs/promises");
  const { bavail, bsize } = await statfs(root);
  const free = bavail * bsize;
  if (free < INSTALL_NEEDS || output.includes("ENOSPC"))
    return `the disk is full or nearly so: ${Math.floor(free / 1e6)} MB are free in ${root}, and installing needs some ${INSTALL_NEEDS / 1e6} MB; make room and run it again`;
  const [code] = NO_NETWORK.exec(output) ?? [];
  if (code !== undefined)
    return `npm does not reach its registry (${code}): is this machine online, and does npm know its proxy (npm config get registry, npm config get proxy)?`;
  return null;
}

/** Runs a step that can take a while: says what it is and how long it has taken, shows its output only if it fails. */
async function step(text, command, args, adviceOn = async () => null) {
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  say(`${text} …`);
  const ticker = process.stderr.isTTY
    ? setInterval(() => process.stderr.write(`\redgepool: ${text} … ${seconds()} `), 1000)
    : setInterval(() => say(`${text} … ${seconds()}`), 15_000);
  const { code, output } = await run(command, args, { quiet: true });
  clearInterval(ticker);
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  if (code !== 0) {
    process.stderr.write(output);
    say(`${text} failed (exit code ${code}): ${command} ${args.join(" ")}`);
    const advice = await adviceOn(output);
    if (advice !== null) say(advice);
    process.exit(code || 1);
  }
  say(`${text} done in ${seconds()}`);
}

async function upToDate(name, fingerprint, work) {
  const stamp = join(stampDir, `${name}.stamp`);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint) return;
  // First: where nothing can be written there is no need to begin.
  mkdirSync(stampDir, { recursive: true });
  await work();
  mkdirSync(stampDir, { recursive: true });
  writeFileSync(stamp, fingerprint);
}

async function main() {
  const [major] = process.versions.node.split(".").map(Number);
  if (major < 20) {
    say(`Node 20 or later is needed to begin with; this is ${process.version}`);
    process.exit(1);
  }
  const [task = "", ...rest] = process.argv.slice(2);
  const plan = TASKS[task];
  if (!plan) {
    say(`unknown task "${task}"; there are: ${Object.keys(TASKS).join(", ")}`);
    process.exit(1);
  }
  const lock = readFileSync(join(root, "package-lock.json"));
  await upToDate("dependencies", sha(lock), () =>
    // Not `npm ci`: it refuses a registry that lacks some other platform's optional binaries. The lockfile is obeyed and kept.
    step(
      "installing dependencies and a current Node",
      "npm",
      "install --no-save --no-audit --no-fund --loglevel=error".split(" "),
      installAdvice,
    ),
  );
  for (const { name, inputs, output, args } of BUILDS) {
    const files = inputs.flatMap((input) => filesBelow(join(root, input)));
    const fingerprint = sha(...files.flatMap((file) => [relative(root, file), readFileSync(file)]));
    const built = existsSync(join(root, output)) ? fingerprint : `${fingerprint} missing`;
    await upToDate(name, built, () => step(`building ${name}`, "npm", args));
    if (built !== fingerprint) writeFileSync(join(stampDir, `${name}.stamp`), fingerprint);
  }
  const args = plan(rest);
  if (!args) return;
  const { code } = await run(currentNode, args, { killAfterMs: task === "start" ? KILL_START_AFTER_MS : null });
  process.exitCode = code;
}

// Nobody reads what we say: that is no reason to end what runs.
process.stderr.on("error", () => undefined);
try {
  await main();
} catch (error) {
  // A folder that cannot be written, a disk that is full; anything else is a defect and shows where.
  if (typeof error.syscall !== "string") throw error;
  say(error.message);
  process.exitCode = 1;
}

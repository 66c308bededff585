import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { minerExamples } from "./miner-examples.ts";
import { SERVICES, type Service } from "./service-files.ts";
import { BridgeOptionError, type BridgeOptions, type ListenAddress } from "../options.ts";

/** What the command line asks for. */
export interface CommandLine {
  readonly bridge: BridgeOptions;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** `auto`: a table on a terminal, lines elsewhere. */
  readonly display: "auto" | "lines" | "json";
  /** How often the state is shown, ms. */
  readonly statusIntervalMs: number;
}

interface Flags {
  readonly listen?: readonly ListenAddress[];
  readonly listenTls?: readonly ListenAddress[];
  readonly listenGetwork?: readonly ListenAddress[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly ca?: string;
  readonly allowInsecure?: boolean;
  readonly proxy?: string | false;
  readonly token?: string;
  readonly maxMiners: number;
  readonly state: string | false;
  readonly logLevel: CommandLine["logLevel"];
  readonly display: CommandLine["display"];
  readonly statusInterval: number;
}

/** Where miners find the bridge when nothing else is said. */
const DEFAULT_LISTEN: ListenAddress = { port: 8008 };

/** How this program is called. */
export interface Program {
  /** What one types: `node bridge.mjs`. */
  readonly name: string;
  readonly version: string;
}

/** Options whose value is a file. */
const FILE_OPTIONS: ReadonlySet<string> = new Set(["--tls-cert", "--tls-key", "--ca"]);

/**
 * Which services `install` is to print files for; null where the bridge is to run.
 * @throws BridgeOptionError where a service cannot do what an option says
 */
export function readInstall(
  argv: readonly string[],
  program: Program,
): {
  readonly args: readonly string[];
  readonly files: readonly string[];
  readonly services: readonly Service[];
} | null {
  if (argv[0] !== "install") return null;
  const command = describe({ ...program, name: `${program.name} install` })
    .description(
      "Prints what makes the bridge start with the machine: a systemd unit, a Windows task, a Dockerfile. Takes the options of the bridge.",
    )
    .requiredOption("--print", "print to standard output; nothing on this machine is changed")
    .addOption(new Option("--only <which>", "one of the three").choices(SERVICES));
  command.parse(argv.slice(1), { from: "user" });
  const { only } = command.opts<{ only?: Service }>();
  if (typeof command.getOptionValue("state") === "string" && command.getOptionValueSource("state") === "cli")
    throw new BridgeOptionError("state", "--state: a service has a folder of its own; leave the option out");
  const files: string[] = [];
  const absolute = (path: string): string => {
    files.push(resolve(path));
    return resolve(path);
  };
  const args = argv
    .slice(1)
    .filter((word, at, words) => !/^--(print|only(=.*)?)$/.test(word) && words[at - 1] !== "--only")
    .map((word, at, words) => {
      // A service is started in another folder than this one.
      const [option = "", path] = word.split(/=(.*)/s);
      if (path !== undefined && FILE_OPTIONS.has(option)) return `${option}=${absolute(path)}`;
      return FILE_OPTIONS.has(words[at - 1] ?? "") ? absolute(word) : word;
    });
  return { args, files, services: only === undefined ? SERVICES : [only] };
}

/**
 * Reads the arguments. `--help` and `--version` print and end the process, as does an argument that cannot be used.
 * @throws BridgeOptionError for files that cannot be read and options that do not fit together.
 */
export function parseCommandLine(argv: readonly string[], program: Program): CommandLine {
  const command = describe(program);
  command.parse([...argv], { from: "user" });
  const flags = command.opts<Flags>();
  const { listen = [], listenTls = [], listenGetwork = [] } = flags;
  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined)) {
    throw new BridgeOptionError("tls-cert", "--tls-cert and --tls-key belong together");
  }
  const listensSomewhere = listen.length + listenTls.length + listenGetwork.length > 0;
  return {
    bridge: {
      pools: command.args,
      stratum: listensSomewhere ? listen : [DEFAULT_LISTEN],
      stratumTls: listenTls,
      getwork: listenGetwork,
      allowInsecure: flags.allowInsecure === true,
      maxMiners: flags.maxMiners,
      stateDir: flags.state === false ? null : flags.state,
      ...(flags.tlsCert === undefined || flags.tlsKey === undefined
        ? {}
        : { tls: { cert: readPem("tls-cert", flags.tlsCert), key: readPem("tls-key", flags.tlsKey) } }),
      ...(flags.token === undefined ? {} : { token: flags.token }),
      ...(flags.ca === undefined ? {} : { ca: readPem("ca", flags.ca) }),
      ...(flags.proxy === undefined ? {} : { proxy: flags.proxy === false ? null : flags.proxy }),
    },
    logLevel: flags.logLevel,
    display: flags.display,
    statusIntervalMs: flags.statusInterval * 1000,
  };
}

function describe({ name, version }: Program): Command {
  return new Command(name)
    .description(
      "Lets the miners of a LAN mine on an edgepool: stratum over TCP or TLS and HTTP getwork on this side, WebSockets over TLS to the pool.",
    )
    .version(version)
    .argument(
      "<pool...>",
      "pools in order of preference, such as wss://pool.example; the next one takes over when one fails",
    )
    .option("-l, --listen <[host:]port>", "TCP stratum port, repeatable (default: 8008)", collectAddress)
    .option(
      "--listen-tls <[host:]port>",
      "TLS stratum port, repeatable. ethminer refuses a certificate that is self-signed unless SSL_NOVERIFY=1 is in its environment",
      collectAddress,
    )
    .option("--listen-getwork <[host:]port>", "plain HTTP getwork port, repeatable", collectAddress)
    .option("--tls-cert <file>", "certificate for --listen-tls, PEM (default: a self-signed one)")
    .option("--tls-key <file>", "its key, PEM")
    .option("--ca <file>", "certificate authority that signs for the pool, PEM, besides the usual ones")
    .option(
      "--allow-insecure",
      "accept pools without TLS (ws://), where everybody on the way can read and change everything",
    )
    .option(
      "--proxy <url>",
      "http://, https:// or socks5:// proxy to the pools (default: HTTPS_PROXY, ALL_PROXY, NO_PROXY)",
    )
    .option("--no-proxy", "no proxy, whatever the environment says")
    .addOption(
      new Option(
        "--token <secret>",
        "the first pool's BRIDGE_TOKEN: it judges each miner by itself, not by this site's address",
      ).env("EDGEPOOL_BRIDGE_TOKEN"),
    )
    .option("--max-miners <n>", "miners at one time; silent connections make way for miners", aMillionAtMost, 4096)
    .option(
      "--state <folder>",
      "where shares are kept that no pool has answered yet, and the logins that pools have granted",
      stateFolder(process.env),
    )
    .option(
      "--no-state",
      "keep nothing on disk: a miner waits for the pool's own answer, and gives up when it stays out",
    )
    .addOption(
      new Option("--log-level <level>", "how much is logged")
        .choices(["debug", "info", "warn", "error"])
        .default("info"),
    )
    .addOption(
      new Option("--display <how>", "auto: a live table on a terminal, lines elsewhere")
        .choices(["auto", "lines", "json"])
        .default("auto"),
    )
    .option("--status-interval <seconds>", "how often the state is logged where there is no table", aDayAtMost, 60)
    .addHelpText("after", minerExamples(name));
}

/** The folder that the system has for such files. */
function stateFolder({ STATE_DIRECTORY, XDG_STATE_HOME, LOCALAPPDATA }: NodeJS.ProcessEnv): string {
  // Set by systemd for a unit with StateDirectory=.
  if (STATE_DIRECTORY !== undefined) return STATE_DIRECTORY;
  const base = process.platform === "win32" ? LOCALAPPDATA : XDG_STATE_HOME;
  return join(base ?? join(homedir(), ".local", "state"), "edgepool-bridge");
}

/** `8008`, `192.168.1.2:8008` or `[::1]:8008`. */
function collectAddress(text: string, previous: readonly ListenAddress[] = []): readonly ListenAddress[] {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new InvalidArgumentError("write a port, or host:port.");
  const host = match[1] ?? match[2];
  return [...previous, host === undefined ? { port } : { host, port }];
}

const from1To =
  (most: number) =>
  (text: string): number => {
    if (!/^[1-9]\d{0,8}$/.test(text) || Number(text) > most)
      throw new InvalidArgumentError(`write a whole number from 1 to ${most}.`);
    return Number(text);
  };

const aMillionAtMost = from1To(1_000_000);
/** In seconds; a timer of more than 24 days would ring at once, and again and again. */
const aDayAtMost = from1To(86_400);

function readPem(option: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new BridgeOptionError(
      option,
      `--${option}: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

// How long a new block at the node takes to reach the last of many miners: node bench/job-latency.ts
import { writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { wholeNumber } from "../devnet/cli/arguments.ts";
import { type Distribution, distributionOf, histogram } from "./latency/distribution.ts";
import { startScene, type Round, type SceneOptions } from "./latency/scene.ts";

const options = new Command("job-latency")
  .description(
    "From a new block at the node to the job at the last of many sockets, pool in workerd, all on this machine",
  )
  .option("--sessions <number>", "logins; each takes three open files of workerd", wholeNumber, 200)
  .option("--sockets <number>", "sockets a login; each takes two", wholeNumber, 5)
  .option("--rounds <number>", "new blocks a setting", wholeNumber, 40)
  .option("--cold <number>", "new blocks after 12 s of silence, when sessions hibernate", wholeNumber, 5)
  .option("--relays <number>", "jobRelays, instead of as many as the logins need", wholeNumber)
  .option("--settings <text>", "only settings whose name has this in it", "")
  .option("--json", "one JSON object instead of text")
  .option("--out <file>", "a page with the figures, beside what is printed")
  .parse()
  .opts<{
    sessions: number;
    sockets: number;
    rounds: number;
    cold: number;
    relays?: number;
    settings: string;
    json?: boolean;
    out?: string;
  }>();

interface Setting {
  readonly name: string;
  readonly poll: string;
  readonly pollMs: number;
  readonly push: boolean;
  readonly rounds: number;
  /** Silence before each block: at least this long, and up to one poll interval more. */
  readonly silenceMs: number;
}

/** Longer than the 10 s of idleness after which workerd hibernates a session. */
const COLD_MS = 12_000;
/** Longer than the 2 s after which a relay opens sockets. */
const WARM_UP_MS = 3_000;

const SETTINGS: readonly Setting[] = [
  { name: "poll every 1 s", poll: "1s", pollMs: 1_000, push: false, rounds: options.rounds, silenceMs: 300 },
  { name: "poll every 250 ms", poll: "250ms", pollMs: 250, push: false, rounds: options.rounds, silenceMs: 300 },
  { name: "push (and poll every 1 s)", poll: "1s", pollMs: 1_000, push: true, rounds: options.rounds, silenceMs: 300 },
  {
    name: "push, sessions hibernated",
    poll: "1s",
    pollMs: 1_000,
    push: true,
    rounds: options.cold,
    silenceMs: COLD_MS,
  },
];

async function measure(setting: Setting): Promise<Round[]> {
  const sceneOptions: SceneOptions = {
    sessions: options.sessions,
    socketsPerSession: options.sockets,
    poll: setting.poll,
    push: setting.push,
    ...(options.relays !== undefined && { jobRelays: options.relays }),
  };
  const scene = await startScene(sceneOptions);
  try {
    // The first ones run code that V8 has not optimised yet; after the first relays take up their logins, then open their sockets.
    for (let warmUp = 0; warmUp < 4; warmUp++) {
      await scene.round();
      await sleep(WARM_UP_MS);
    }
    const rounds: Round[] = [];
    for (let round = 0; round < setting.rounds; round++) {
      // A block comes at any moment between two polls.
      await sleep(setting.silenceMs + Math.random() * setting.pollMs);
      rounds.push(await scene.round());
    }
    return rounds;
  } finally {
    await scene.close();
  }
}

interface Result {
  readonly setting: string;
  readonly pollIntervalMs: number;
  readonly push: boolean;
  readonly ms: Readonly<Record<string, Distribution>>;
  readonly lastMs: readonly number[];
}

const results: Result[] = [];
for (const setting of SETTINGS.filter(({ rounds, name }) => rounds > 0 && name.includes(options.settings))) {
  if (!options.json)
    console.log(`\n${setting.name}: ${options.sessions} sessions with ${options.sockets} sockets each`);
  const rounds = await measure(setting);
  const parts = {
    ...(!setting.push && { detected: rounds.map(({ detectedMs }) => detectedMs) }),
    first: rounds.map(({ firstMs }) => firstMs),
    last: rounds.map(({ lastMs }) => lastMs),
    fanOut: rounds.map(({ lastMs, detectedMs }) => lastMs - detectedMs),
    everySocket: rounds.flatMap(({ arrivalsMs }) => arrivalsMs),
  };
  results.push({
    setting: setting.name,
    pollIntervalMs: setting.pollMs,
    push: setting.push,
    ms: Object.fromEntries(Object.entries(parts).map(([name, values]) => [name, distributionOf(values)])),
    lastMs: parts.last.map((value) => Math.round(value * 10) / 10),
  });
  if (options.json) continue;
  console.table(Object.fromEntries(Object.entries(parts).map(([name, values]) => [name, distributionOf(values)])));
  console.log("block at the node → job at the last socket");
  for (const line of histogram(parts.last, 10)) console.log(line);
}
// Whoever reads the figures must know what else the machine was doing.
const load = Number(loadavg()[0]?.toFixed(1));
const machine = { processors: availableParallelism(), model: cpus()[0]?.model ?? "", load, node: process.version };
const { sessions, sockets, relays } = options;
if (options.out !== undefined) await writeFile(options.out, page());
if (options.json)
  console.log(JSON.stringify({ machine, sessions, sockets: sessions * sockets, relays: relays ?? null, results }));
else
  console.log(
    `\n${machine.model}, ${machine.processors} processors under a load of ${load}, Node ${machine.node}, pool in workerd`,
  );

/** The figures as Markdown. */
function page(): string {
  const rows = results.map(({ setting, ms: { first, last, everySocket } }) => {
    const figures = [first?.p50, everySocket?.p50, everySocket?.p99, last?.p50, last?.max, last?.count];
    return `| ${[setting, ...figures.map((value) => (value ?? Number.NaN).toLocaleString("en"))].join(" | ")} |`;
  });
  const quoted = process.argv.slice(2).map((text) => (text.includes(" ") ? `"${text}"` : text));
  const command = ["node bench/job-latency.ts", ...quoted].join(" ");
  return `# Job latency: from the node's new block to the last of ${(sessions * sockets).toLocaleString("en")} sockets

Made by \`${command}\` on ${machine.model}, ${machine.processors} processors under a load of ${load}, Node ${machine.node}, pool in workerd; ${sessions.toLocaleString("en")} sessions with ${sockets} ${sockets === 1 ? "socket" : "sockets"} each,
relays ${relays ?? "as many as the pool takes by itself"}. All relays, all sessions and the writing to all sockets are one thread here; on Cloudflare each object has its own. The load at the end of a run is its own, too. Milliseconds from the block at the node, as the miners' side sees them.

| setting | first socket, p50 | a socket, p50 | a socket, p99 | last socket, p50 | last socket, max | blocks |
|---|---|---|---|---|---|---|
${rows.join("\n")}
`;
}

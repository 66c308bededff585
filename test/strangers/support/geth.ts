import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createNodeRpc, type NodeRpc } from "../../../core/work/node-rpc.ts";
import { httpPost } from "../../../durable-objects/platform/http-post.ts";
import { freePort, installGeth, killed, run } from "./programs.ts";

const FORKS = ["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul"];

/** The part `config` of a genesis.json: every fork up to Istanbul from the first block on. @param more of it, such as the engine */
export function chainConfig(chainId: number, more: Readonly<Record<string, unknown>>): object {
  return { chainId, ...Object.fromEntries(FORKS.map((name) => [`${name}Block`, 0])), ...more };
}

/**
 * The program `geth` itself, 1.10.26, on a private chain, alone, with HTTP on the same port at each start. From the first `eth_submitWork` on it
 * makes a data set of 1 GB, in the user's home unless told otherwise, and a kill leaves what was begun: here all of it is in its folder.
 */
export class Geth {
  readonly #program: string;
  readonly #data: string;
  readonly #port: number;
  #child: ChildProcess | null = null;

  private constructor(program: string, data: string, port: number) {
    this.#program = program;
    this.#data = data;
    this.#port = port;
  }

  /** Installs the program. @param data its folder, which it makes */
  static async in(data: string): Promise<Geth> {
    return new Geth(await installGeth(), data, await freePort());
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Where its data sets are. */
  get dataSets(): string {
    return join(this.#data, "ethash-full");
  }

  /** What it takes for the user's home: a folder beside its own. */
  get home(): string {
    return `${this.#data}-home`;
  }

  rpc(): NodeRpc {
    return createNodeRpc({ name: "geth", url: this.url, timeoutMs: 120_000, secretHeaders: {} }, httpPost);
  }

  #environment(): NodeJS.ProcessEnv {
    return { ...process.env, HOME: this.home };
  }

  /** One of its commands, on its folder. */
  async run(...args: readonly string[]): Promise<void> {
    await run(this.#program, ["--datadir", this.#data, ...args], join(this.#data, ".."), this.#environment());
  }

  /** Begins the chain. @param genesis of genesis.json */
  async init(genesis: object): Promise<void> {
    const file = `${this.#data}-genesis.json`;
    await writeFile(file, JSON.stringify(genesis));
    await this.run("init", file);
  }

  /** @param api what HTTP offers, as `--http.api` takes it @param flags further ones */
  async start(api: string, flags: readonly string[] = []): Promise<void> {
    const alone = ["--nodiscover", "--maxpeers", "0", "--port", "0", "--authrpc.port", "0", "--ipcdisable"];
    const http = ["--http", "--http.addr", "127.0.0.1", "--http.port", String(this.#port), "--http.api", api];
    const own = ["--datadir", this.#data, "--ethash.dagdir", this.dataSets, "--syncmode", "full", "--cache", "64"];
    await mkdir(this.home, { recursive: true });
    const env = this.#environment();
    this.#child = spawn(this.#program, [...own, ...alone, ...http, ...flags], { stdio: "ignore", env });
    await once(this.#child, "spawn");
  }

  /** Until it answers. */
  async answers(): Promise<void> {
    const rpc = this.rpc();
    while ((await rpc.call({ method: "eth_blockNumber", params: [] })).kind !== "ok") await sleep(200);
  }

  /** kill -9 */
  async kill(): Promise<void> {
    await killed(this.#child);
  }
}

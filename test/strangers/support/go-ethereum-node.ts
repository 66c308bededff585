import { spawn, type ChildProcess } from "node:child_process";
import { readdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { freePort, killed } from "./programs.ts";

/** What is asked of the node: `test/strangers/mining-node/main.go` says the rest. */
export interface NodeSettings {
  /** The built program. */
  readonly program: string;
  /** Keeps the chain over a kill; the program takes it for the user's home, too. */
  readonly folder: string;
  readonly etherbase: string;
  readonly difficulty: number;
  /** URL that work is pushed to. */
  readonly notify?: string;
}

/** A block as `eth_getBlockByNumber` gives it. */
export interface ChainBlock {
  readonly hash: string;
  readonly nonce: string;
  readonly mixHash: string;
  readonly miner: string;
  readonly number: string;
  readonly difficulty: string;
}

/** A node of go-ethereum's own code, on the same ports at each start. */
export class GoEthereumNode {
  readonly #settings: NodeSettings;
  readonly #ports: readonly [http: number, network: number];
  #child: ChildProcess | null = null;

  private constructor(settings: NodeSettings, ports: readonly [number, number]) {
    this.#settings = settings;
    this.#ports = ports;
  }

  static async start(settings: NodeSettings): Promise<GoEthereumNode> {
    const node = new GoEthereumNode(settings, [await freePort(), await freePort()]);
    await node.start();
    return node;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#ports[0]}`;
  }

  /** What is in its folder. */
  async files(): Promise<string[]> {
    return await readdir(this.#settings.folder);
  }

  async start(): Promise<void> {
    const { program, folder, etherbase, difficulty, notify = "" } = this.#settings;
    const args = [folder, ...this.#ports.map(String), etherbase, String(difficulty), notify];
    const env = { ...process.env, HOME: folder };
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env });
    this.#child = child;
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
    for await (const line of createInterface({ input: child.stdout })) if (line.startsWith("ready ")) return;
    throw new Error(`the node ended: ${said}`);
  }

  /** SIGKILL: nothing is flushed. */
  async kill(): Promise<void> {
    await killed(this.#child);
  }

  async rpc(method: string, ...params: unknown[]): Promise<unknown> {
    const response = await fetch(this.url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ id: 1, jsonrpc: "2.0", method, params }),
    });
    const { result, error } = (await response.json()) as { result?: unknown; error?: { message: string } };
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  async height(): Promise<number> {
    return Number(await this.rpc("eth_blockNumber"));
  }

  async block(height: number): Promise<ChainBlock | null> {
    return (await this.rpc("eth_getBlockByNumber", `0x${height.toString(16)}`, false)) as ChainBlock | null;
  }

  /** Makes this node and another one peers. */
  async meet(other: GoEthereumNode): Promise<void> {
    const { enode } = (await other.rpc("admin_nodeInfo")) as { enode: string };
    await this.rpc("admin_addPeer", enode);
  }
}

/** What a command line is written for. */
export interface Connection {
  /** `0x` address. */
  readonly address: string;
  readonly worker: string;
  /** `classic`, `ethereum`, …: the pool's chain. */
  readonly chain: string;
  /** Where the miners reach the bridge, host without port. */
  readonly bridge: string;
}

/** A miner program and how it is pointed at the bridge. */
export interface MinerProgram {
  readonly name: string;
  readonly command: (connection: Connection) => string;
}

/** Port on which the bridge listens for stratum. */
export const STRATUM_PORT = 8008;

const isEtchash = (chain: string) => chain === "classic" || chain === "mordor";
const algorithm = ({ chain }: Connection) => (isEtchash(chain) ? "etchash" : "ethash");
const server = ({ bridge }: Connection) => `${bridge}:${STRATUM_PORT}`;
const user = ({ address, worker }: Connection) => `${address}.${worker}`;

/** The programs that this pool is tested with or whose dialect it speaks; the same lines as the bridge's own help has. */
export const MINER_PROGRAMS: readonly MinerProgram[] = [
  { name: "ethminer", command: (c) => `ethminer -P stratum1+tcp://${user(c)}@${server(c)}` },
  {
    name: "lolMiner",
    command: (c) =>
      `lolMiner --algo ${algorithm(c).toUpperCase()} --pool ${server(c)} --user ${user(c)} --ethstratum ETHPROXY`,
  },
  {
    name: "T-Rex",
    command: (c) => `t-rex -a ${algorithm(c)} -o stratum+tcp://${server(c)} -u ${c.address} -p x -w ${c.worker}`,
  },
  {
    name: "TeamRedMiner",
    command: (c) => `teamredminer -a ${algorithm(c)} -o stratum+tcp://${server(c)} -u ${user(c)} -p x`,
  },
  {
    name: "GMiner",
    command: (c) => `miner --algo ${algorithm(c)} --server ${server(c)} --user ${user(c)} --proto proxy`,
  },
  {
    name: "PhoenixMiner",
    command: (c) =>
      `PhoenixMiner -coin ${isEtchash(c.chain) ? "etc" : "eth"} -pool ${server(c)} -wal ${c.address} -worker ${c.worker} -proto 2`,
  },
  {
    name: "Claymore",
    command: (c) => `EthDcrMiner64 -epool ${server(c)} -ewal ${c.address} -eworker ${c.worker} -epsw x -esm 0`,
  },
  {
    name: "ASIC (web form)",
    command: (c) => `URL       stratum+tcp://${server(c)}\nWorker    ${user(c)}\nPassword  x`,
  },
];

/** What the pool takes for a worker's name. */
export const isWorkerName = (text: string): boolean => /^[0-9A-Za-z_-]{1,32}$/.test(text);

/** The bridge, started once in the LAN of the miners. @param origin of the pool's page, such as `https://pool.example` */
export function bridgeCommand(origin: string): string {
  const secure = origin.startsWith("https:");
  const pool = origin.replace(/^http/, "ws");
  return `curl -fO ${origin}/bridge.mjs\nnode bridge.mjs ${pool} --listen ${STRATUM_PORT}${secure ? "" : " --allow-insecure"}`;
}

/** Any byte pipe does as well, for one miner. */
export function websocatCommand(origin: string, { address, worker }: Connection): string {
  return `websocat -b tcp-l:127.0.0.1:${STRATUM_PORT} ${origin.replace(/^http/, "ws")}/stratum/${address}/${worker}`;
}

/** What a command line is written for. */
export interface MinerTarget {
  /** `0x` address. */
  readonly address: string;
  readonly worker: string;
  /** Where the miners reach the bridge, host without port. */
  readonly bridge: string;
}

/** A miner program and how it is pointed at the bridge. */
export interface MinerProgram {
  readonly name: string;
  /** Which proof of work it can do; Etchash is Ethash with the epochs of ECIP-1099. */
  readonly mines: readonly Algorithm[];
  readonly command: (target: MinerTarget, algorithm: Algorithm) => string;
}

export type Algorithm = "ethash" | "etchash";

/** Port on which the bridge listens for stratum, and the one where it takes getwork. */
export const STRATUM_PORT = 8008;
const GETWORK_PORT = 8080;

const BOTH = ["etchash", "ethash"] as const;
const server = ({ bridge }: MinerTarget) => `${bridge}:${STRATUM_PORT}`;
const user = ({ address, worker }: MinerTarget) => `${address}.${worker}`;

/**
 * The programs whose dialect the pool speaks. The words of each line are those of the program's own documentation, which is named with
 * it; which program can do Etchash as well.
 */
export const MINER_PROGRAMS: readonly MinerProgram[] = [
  {
    // github.com/Lolliedieb/lolMiner-releases
    name: "lolMiner",
    mines: BOTH,
    command: (t, algorithm) =>
      `lolMiner --algo ${algorithm.toUpperCase()} --pool ${server(t)} --user ${user(t)} --ethstratum ETHPROXY`,
  },
  {
    // github.com/trexminer/T-Rex
    name: "T-Rex",
    mines: BOTH,
    command: (t, algorithm) =>
      `t-rex -a ${algorithm} -o stratum+tcp://${server(t)} -u ${t.address} -p x -w ${t.worker}`,
  },
  {
    // github.com/todxx/teamredminer
    name: "TeamRedMiner",
    mines: BOTH,
    command: (t, algorithm) => `teamredminer -a ${algorithm} -o stratum+tcp://${server(t)} -u ${user(t)} -p x`,
  },
  {
    // github.com/develsoftware/GMinerRelease
    name: "GMiner",
    mines: BOTH,
    command: (t, algorithm) => `miner --algo ${algorithm} --server ${server(t)} --user ${user(t)} --proto proxy`,
  },
  {
    // github.com/rigelminer/rigel
    name: "Rigel",
    mines: BOTH,
    command: (t, algorithm) => `rigel -a ${algorithm} -o stratum+tcp://${server(t)} -u ${t.address} -w ${t.worker}`,
  },
  {
    // github.com/bzminer/bzminer: "ethproxy+tcp" is its name of the dialect
    name: "BzMiner",
    mines: BOTH,
    command: (t, algorithm) =>
      `bzminer -a ${algorithm} -w ${t.address} -p ethproxy+tcp://${server(t)} -r ${t.worker} --nc 1`,
  },
  {
    // github.com/NebuTech/NBMiner
    name: "NBMiner",
    mines: BOTH,
    command: (t, algorithm) => `nbminer -a ${algorithm} -o stratum+tcp://${server(t)} -u ${user(t)}`,
  },
  {
    // github.com/doktor83/SRBMiner-Multi
    name: "SRBMiner-Multi",
    mines: BOTH,
    command: (t, algorithm) =>
      `SRBMiner-MULTI --disable-cpu --algorithm ${algorithm} --pool ${server(t)} --wallet ${user(t)} --password x`,
  },
  {
    // PhoenixMiner's readme: -proto 2 is eth-proxy
    name: "PhoenixMiner",
    mines: BOTH,
    command: (t, algorithm) =>
      `PhoenixMiner -coin ${algorithm === "etchash" ? "etc" : "eth"} -pool ${server(t)} -wal ${t.address} -worker ${t.worker} -proto 2`,
  },
  {
    // the pool examples of github.com/ethereum-mining/ethminer. Left as it was in 2019: without these three it ends at the first outage.
    name: "ethminer",
    mines: ["ethash"],
    command: (t) =>
      `ethminer --farm-retries 9999 --retry-delay 1 --response-timeout 30 -P stratum1+tcp://${user(t)}@${server(t)}`,
  },
  {
    name: "ethminer, getwork",
    mines: ["ethash"],
    command: (t) => `ethminer -P http://${t.bridge}:${GETWORK_PORT}/${t.address}/${t.worker}`,
  },
  {
    name: "ASIC (web form)",
    mines: BOTH,
    command: (t) => `URL       stratum+tcp://${server(t)}\nWorker    ${user(t)}\nPassword  x`,
  },
];

/** The programs that can mine a chain. */
export function programsFor(algorithm: Algorithm): readonly MinerProgram[] {
  return MINER_PROGRAMS.filter(({ mines }) => mines.includes(algorithm));
}

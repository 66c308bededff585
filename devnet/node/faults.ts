/**
 * What is wrong with a simulated node at the moment. All off: a healthy node. Tests set members while it runs; a fault holds
 * for every request that begins afterwards.
 */
export interface NodeFaults {
  /** Every answer comes this much later. */
  delayMs: number;
  /** Requests are read and never answered. */
  hang: boolean;
  /** HTTP 200 with an HTML page, as a proxy's login page. */
  html: boolean;
  /** Every HTTP request gets this status with a short text; 0: off. */
  status: number;
  /** `result: null` to every method. */
  nullResults: boolean;
  /** `eth_getWork` carries a seed hash of another epoch. */
  wrongSeed: boolean;
  /** `eth_getWork` makes the seed hash from the block's number, as core-geth once did for ECIP-1099 chains. */
  seedByBlock: boolean;
  /** `eth_getWork` stays at the work that it gave first with this on, while the chain goes on. */
  stuckWork: boolean;
  /** Another chain's id; null: that of the chain. */
  chainId: number | null;
  /** Heights are given this much too low, in getWork, in the blocks and in `eth_blockNumber`. */
  lowerHeights: number;
  /** `eth_getWork` as nodes before geth 1.8.18 answer: no height. */
  threeItems: boolean;
  /** `eth_getWork` is refused with geth's `no mining work available yet`. */
  noWork: boolean;
  /** `eth_submitWork` answers false whatever it is given, and nothing is accepted. */
  rejectSubmits: boolean;
  /** This many `eth_submitWork` get a JSON-RPC error and are not looked at; counts down. */
  failSubmits: number;
  /** This many `eth_submitWork` are carried out and their connection is cut before the answer; counts down. */
  loseSubmitReplies: number;
  /** Answers `up` HTTP requests, then cuts the connection of the next `down`, and so on; null: off. */
  flap: { up: number; down: number } | null;
}

/** A node with nothing wrong. */
export function noFaults(): NodeFaults {
  return {
    delayMs: 0,
    hang: false,
    html: false,
    status: 0,
    nullResults: false,
    wrongSeed: false,
    seedByBlock: false,
    stuckWork: false,
    chainId: null,
    lowerHeights: 0,
    threeItems: false,
    noWork: false,
    rejectSubmits: false,
    failSubmits: 0,
    loseSubmitReplies: 0,
    flap: null,
  };
}

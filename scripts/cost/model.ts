import { LONGEST_MS, WORTH_WAITING } from "../../core/shares/batch-pace.ts";
import { WAY_MS } from "../../core/work/share-relay.ts";
import { relaysFor } from "../../core/work/template-tree.ts";
import { SLICE_MS } from "../../durable-objects/platform/lasting-timers.ts";
import {
  GB_PER_OBJECT,
  MESSAGES_A_REQUEST,
  MONTH_S,
  priceOf,
  PRICES,
  UPSTASH_COMMANDS_USD,
  UPSTASH_PLANS,
} from "./prices.ts";

export type LedgerKind = "embedded" | "upstash" | "upstash-payg" | "redis";

/** A pool and how busy it is. */
export interface PoolSize {
  /** Logins. */
  readonly miners: number;
  /** Connections of all of them. */
  readonly rigs: number;
  /** Seconds between two shares of a rig. */
  readonly shareIntervalS: number;
  /** Seconds between two blocks of the chain. */
  readonly blockTimeS: number;
  readonly ledger: LedgerKind;
  readonly shards: number;
  /** Whether nodes push (`POST /notify`). */
  readonly notify: boolean;
  /** Pages that are open, on average. */
  readonly viewers: number;
  /** Part of the shares that claim no mix digest (EthereumStratum/1), 0 to 1; left out: none. */
  readonly unclaimed?: number;
}

/** What a part does in a second. */
export interface Rates {
  readonly workerRequests: number;
  readonly objectRequests: number;
  /** Into WebSockets. */
  readonly messages: number;
  readonly awakeSeconds: number;
  readonly rowsWritten: number;
  readonly rowsRead: number;
  readonly commands: number;
}

/** One line of the bill. */
export interface Line extends Rates {
  readonly name: string;
}

/** How the pool behaves: as it is, and as it was before decision 49. */
export interface Behaviour {
  readonly recommitS: number;
  readonly pollS: number;
  /** Objects that a timer keeps awake all the time while somebody mines. */
  readonly heldObjects: number;
  /** How long a limit on an answer keeps the object awake that has it already, s (`durable-objects/platform/lasting-timers.ts`). */
  readonly limitS: number;
  readonly alarmSessions: boolean;
  /** Share calls of a login that are gathered beyond 25 ms. */
  readonly gathers: boolean;
  /** Relays between template and sessions, and whether they push, and take shares, through WebSockets. */
  readonly relays: number;
  readonly bySocket: boolean;
}

export const behaviourOf = ({ notify, miners }: PoolSize): Behaviour => ({
  recommitS: 13,
  pollS: notify ? 5 : 1,
  heldObjects: 0,
  limitS: SLICE_MS / 1_000,
  alarmSessions: false,
  gathers: true,
  relays: relaysFor(miners, 0),
  bySocket: true,
});

/** Headers came every 2 to 3 s and each was pushed; template, verifiers and API were held by timers. */
export const behaviourBefore = ({ shards }: PoolSize): Behaviour => ({
  recommitS: 2.9,
  pollS: 1,
  heldObjects: shards + 2,
  limitS: 0,
  alarmSessions: true,
  gathers: false,
  relays: 0,
  bySocket: false,
});

/** Where work has not been confirmed to sessions for so long, it is pushed again: a third of `workMaxAge`. */
const CONFIRM_S = 20;
/** An object leaves memory after so many idle seconds; a session then asks for its work anew. */
const IDLE_S = 10;
/** Measured on a local workerd, ms: a session passing on a job, and the root's part of it; a fetch of a near node. */
const PASS_MS = 1.2;
const CALL_MS = 0.1;
const NODE_MS = 60;
/** From a share's call to its verdict: hop, hash, and the ledger's answer. */
const VERDICT_MS: Readonly<Record<LedgerKind, number>> = { embedded: 20, upstash: 35, "upstash-payg": 35, redis: 35 };
/** How long one write of the ledger is under way, so that the next shares wait for each other. */
const WRITE_MS: Readonly<Record<LedgerKind, number>> = { embedded: 8, upstash: 22, "upstash-payg": 22, redis: 22 };
/** Bytes of a share in a Redis: `pow`, `hashrate` and the login's. */
const ENTRY_BYTES = { pow: 200, hashrate: 168, login: 138 } as const;

/** Four fields of `eth:nodes`: of the pool, and the same for its node where that has the pool's name, as it has by default. */
const NODE_STATE_ROWS = 4;

/** Sockets of relays are opened anew after each of some updates of the platform or the pool. */
const LIVES_A_DAY = 2;
/** How often a relay asks whether the other end of a socket is there. */
const ASK_SOCKET_S = 60;

/** How often the API asks verifiers what they have judged. */
const ASK_S = 8;

/** A node makes another header of the same block about as often, and pushes each. */
const RECOMMITS_EVERY_S = 2.5;

const NOTHING: Rates = {
  workerRequests: 0,
  objectRequests: 0,
  messages: 0,
  awakeSeconds: 0,
  rowsWritten: 0,
  rowsRead: 0,
  commands: 0,
};

/** Pushes a second: every new height, and other headers no more often than `recommitS`. */
export function pushRate(blockTimeS: number, recommitS: number): number {
  const longestS = Math.min(recommitS, CONFIRM_S);
  return 1 / (blockTimeS * (1 - Math.exp(-longestS / blockTimeS)));
}

/** Shares in one call, at so many a second of one login (`core/session/share-bundle.ts`). */
export function sharesPerCall(loginRate: number, gathers: boolean): number {
  const windowS = gathers && loginRate >= 50 ? Math.min(0.1, Math.max(0.025, 6.5 / loginRate)) : 0.025;
  return Math.min(16, 1 + loginRate * windowS);
}

/**
 * For a share that rests at a relay a session is awake twice: when it comes, and when its verdict does. What may be a block does not rest.
 * @param waiting sessions that are awake where none rests @param awaited part of the shares that do not
 */
function sessionsLine(messages: number, waiting: number, awaited: number): Line {
  const resting = (1 - awaited) * messages;
  return lineOf("sessions awake for shares", { awakeSeconds: awaited * waiting + (2 * resting * PASS_MS) / 1_000 });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * Calls of all relays for so many messages with shares: each gathers by the verifiers' rule (`core/shares/batch-pace.ts`).
 * Relay and verifier of a login are its hash by their numbers: where one number divides the other, not every relay calls every verifier.
 */
function relayCalls(messages: number, relays: number, shards: number): number {
  const pairs = (relays * shards) / greatestCommonDivisor(relays, shards);
  const perMs = messages / pairs / 1_000;
  return perMs * LONGEST_MS < WORTH_WAITING ? messages : messages / Math.min(16, 1 + perMs * (LONGEST_MS - WAY_MS));
}

const lineOf = (name: string, rates: Partial<Rates>): Line => ({ name, ...NOTHING, ...rates });

/** Everything that is billed, a second of a pool in which all mine. */
export function ratesOf(size: PoolSize, behaviour: Behaviour): Line[] {
  const { miners, rigs, shareIntervalS, blockTimeS, ledger, shards } = size;
  const shares = rigs / shareIntervalS;
  const loginRate = shares / miners;
  const pushes = pushRate(blockTimeS, behaviour.recommitS);
  const perCall = sharesPerCall(loginRate, behaviour.gathers);
  const calls = shares / perCall;
  const verdictS = VERDICT_MS[ledger] / 1_000;
  const isBySocket = behaviour.bySocket && behaviour.relays > 0;
  const verifierCalls = isBySocket ? relayCalls(calls, behaviour.relays, shards) : calls;
  /** Whoever had nothing to do for ten seconds asks for its work, unless the socket has it. */
  const asks = isBySocket ? 0 : calls * Math.exp(-IDLE_S * (pushes + calls / miners));
  const notifies = size.notify ? 1 / RECOMMITS_EVERY_S + 1 / blockTimeS : 0;
  const waiting = miners * (1 - Math.exp((-calls / miners) * verdictS));
  return [
    lineOf("job pushes", {
      // A relay hears of the push and has an alarm.
      objectRequests: pushes * ((isBySocket ? 0 : miners) + 2 * behaviour.relays),
      messages: isBySocket ? miners * pushes : 0,
      awakeSeconds: pushes * ((miners * (PASS_MS + CALL_MS)) / 1_000),
      rowsWritten: pushes * (1 + behaviour.relays),
    }),
    lineOf("relays and their sockets", {
      objectRequests: isBySocket ? (miners * LIVES_A_DAY) / 86_400 : 0,
      messages: isBySocket ? miners / ASK_SOCKET_S : 0,
      // Whoever is the client of a WebSocket does not sleep.
      awakeSeconds: isBySocket ? behaviour.relays : 0,
    }),
    lineOf("share messages", { messages: shares }),
    lineOf("share calls", { objectRequests: verifierCalls + asks + shares / 256 }),
    // Into the relay, and back.
    lineOf("shares through relays' sockets", { messages: isBySocket ? 2 * calls : 0 }),
    sessionsLine(calls, waiting, isBySocket ? (size.unclaimed ?? 0) : 1),
    lineOf("verifiers", {
      objectRequests: Math.min(shares, shards / 5),
      awakeSeconds: shards * (1 - Math.exp((-verifierCalls / shards) * (verdictS + behaviour.limitS))),
    }),
    lineOf("polls of nodes", {
      objectRequests: 1 / behaviour.pollS + notifies,
      workerRequests: notifies,
      awakeSeconds: (NODE_MS / 1_000 + behaviour.limitS) / behaviour.pollS,
      rowsWritten: 1 / behaviour.pollS,
    }),
    lineOf("session alarms", {
      objectRequests: behaviour.alarmSessions ? miners / 120 : 0,
      rowsWritten: behaviour.alarmSessions ? miners / 120 : 0,
    }),
    lineOf("objects held by timers", { awakeSeconds: behaviour.heldObjects }),
    ledgerLine(size, shares, behaviour),
    lineOf("history and cron", {
      workerRequests: 1 / 60,
      objectRequests: 9 / 60,
      rowsWritten: miners * 0.002 + 0.02 + 1 / 60,
      awakeSeconds: 0.01,
    }),
    // Before, the verifiers told.
    behaviour.bySocket ? verdictsLine(shares, shards) : lineOf("verdicts for charts", {}),
    lineOf("pages", {
      workerRequests: size.viewers / 4,
      objectRequests: size.viewers / 4,
      awakeSeconds: (size.viewers / 4) * 0.02,
    }),
  ];
}

/** The API asks every verifier every {@link ASK_S} as long as something came, and begins anew with cron; verifiers write down what they counted. */
function verdictsLine(shares: number, shards: number): Line {
  const came = 1 - Math.exp(-ASK_S * shares);
  const mostAMinute = Math.floor(60 / ASK_S);
  const alarms = Array.from({ length: mostAMinute }, (_, at) => came ** at).reduce((a, b) => a + b, 0) / 60;
  const perShard = shares / shards;
  // After a pause, and otherwise every 30 s (core/shares/verdict-tally.ts).
  const pauses = perShard * Math.exp(-5 * perShard);
  const tallies = Math.min(perShard, pauses < 1e-9 ? 1 / 30 : pauses / (1 - Math.exp(-30 * pauses)));
  return lineOf("verdicts for charts", {
    objectRequests: alarms + (alarms + 1 / 60) * shards,
    rowsWritten: alarms + shards * tallies,
  });
}

function ledgerLine({ miners, ledger, shards, viewers }: PoolSize, shares: number, { pollS, limitS }: Behaviour): Line {
  const perShard = shares / shards;
  const batch = Math.max(1, perShard * (WRITE_MS[ledger] / 1_000));
  const writes = shares / batch;
  const logins = miners * (1 - (1 - 1 / miners) ** batch);
  const nodeStates = 1 / Math.max(3, pollS);
  const readings = 1 / 60 + (viewers > 0 ? 1 / 5 : 0);
  if (ledger === "embedded")
    return lineOf("ledger", {
      objectRequests: writes + nodeStates + readings * 2 + shards / 60,
      // Its own, and the API's with its limit on the answer.
      awakeSeconds: writes * 0.003 + readings * (0.01 + limitS),
      // Three a share, three a login and batch, less what they have in common.
      rowsWritten: writes * (3 * batch + logins + 2) + nodeStates * NODE_STATE_ROWS,
      // The rows of a share, looked up before they are written.
      rowsRead: writes * (6 * batch + 3 * logins + 6) + readings * 20,
    });
  return lineOf("ledger", {
    commands: writes * (batch < 1.5 ? 7 : 2 * logins + 7) + nodeStates + readings * 9 + shards / 30,
  });
}

/** The bill of a month by line, USD. */
export interface Bill {
  readonly lines: readonly { readonly name: string; readonly usd: number }[];
  readonly totalUsd: number;
}

/** What a meter shows at the end of the month, and what it costs. */
function metered(rates: readonly Line[], amountOf: (line: Line) => number, price: Parameters<typeof priceOf>[1]) {
  const amounts = rates.map((line) => amountOf(line) * MONTH_S);
  const sum = amounts.reduce((a, b) => a + b, 0);
  const usd = priceOf(sum, price);
  // Each line bears its part of what is beyond the included amount.
  return amounts.map((amount) => (sum === 0 ? 0 : (amount / sum) * usd));
}

export function billOf(size: PoolSize, behaviour: Behaviour): Bill {
  const rates = ratesOf(size, behaviour);
  const meters = [
    metered(rates, (line) => line.workerRequests, PRICES.workerRequests),
    metered(rates, (line) => line.objectRequests + line.messages / MESSAGES_A_REQUEST, PRICES.objectRequests),
    metered(rates, (line) => line.awakeSeconds * GB_PER_OBJECT, PRICES.gbSeconds),
    metered(rates, (line) => line.rowsWritten, PRICES.rowsWritten),
    metered(rates, (line) => line.rowsRead, PRICES.rowsRead),
  ];
  const lines = rates.map(({ name }, at) => ({ name, usd: meters.reduce((sum, meter) => sum + (meter[at] ?? 0), 0) }));
  const all = [...lines, { name: "Workers Paid", usd: PRICES.planUsd }, { name: "Redis", usd: redisUsd(size, rates) }];
  return { lines: all, totalUsd: all.reduce((sum, { usd }) => sum + usd, 0) };
}

function redisUsd(size: PoolSize, rates: readonly Line[]): number {
  const { ledger, miners, rigs, shareIntervalS, blockTimeS } = size;
  if (ledger === "embedded" || ledger === "redis") return 0;
  if (ledger === "upstash-payg")
    return (rates.reduce((sum, { commands }) => sum + commands, 0) * MONTH_S * UPSTASH_COMMANDS_USD) / 1_000_000;
  const shares = rigs / shareIntervalS;
  const hashrate = shares * 1_800 * ENTRY_BYTES.hashrate;
  const pow = shares * blockTimeS * 8 * ENTRY_BYTES.pow;
  const logins = shares * 10_800 * ENTRY_BYTES.login;
  const megabytes = (hashrate + pow + logins + miners * 1_000) / 1_000_000;
  // Upstash counts a record's raw bytes, which are half of what a Redis takes.
  const largestMb = Math.max(hashrate / 2, logins / miners / 2) / 1_000_000;
  const plan = UPSTASH_PLANS.find(({ memoryMb, recordMb }) => megabytes <= memoryMb && largestMb <= recordMb);
  return plan?.usd ?? UPSTASH_PLANS[UPSTASH_PLANS.length - 1]?.usd ?? 0;
}

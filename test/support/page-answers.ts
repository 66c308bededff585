import type {
  Account,
  AccountHistory,
  AccountPayout,
  AccountRewards,
  Block,
  Blocks,
  Credits,
  Miners,
  Overview,
  Payments,
  Payout,
  Payouts,
  PoolFacts,
  PoolHistory,
  Wallet,
} from "../../core/api/answers.ts";

/** What a pool answers to its page, by the path of the request. */
export interface PageAnswers {
  readonly pool: PoolFacts;
  readonly overview: Overview;
  readonly history: PoolHistory;
  readonly blocks: Blocks;
  readonly miners: Miners;
  readonly payments: Payments;
  readonly payouts: Payouts;
  readonly payout: AccountPayout;
  readonly wallet: Wallet;
  readonly account: Account;
  readonly accountHistory: AccountHistory;
  readonly rewards: AccountRewards;
  readonly credits: Credits;
}

export const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const NOW_S = Math.floor(Date.now() / 1000);
const DIFFICULTY = 3_141_592_653_589_793;

/** A hash that can be told from the next. */
const hashOf = (i: number): string => `0x${(i + 7).toString(16).padStart(4, "0").repeat(16)}`;
const loginOf = (i: number) => `0x${(i * 7919 + 0xabcdef).toString(16).padStart(40, "9c4f")}`;

export const BLOCK = { height: 23_511_934, hash: hashOf(3) };

function block(i: number, more: Partial<Block> = {}): Block {
  return {
    height: BLOCK.height + 3 - i,
    timestamp: NOW_S - 9000 * i - 300,
    difficulty: DIFFICULTY,
    shares: DIFFICULTY,
    uncle: false,
    uncleHeight: 0,
    orphan: false,
    hash: hashOf(i),
    reward: "2561234567890123456",
    effort: 0.2 + ((i * 7) % 20) / 10,
    fee: "1.0",
    scheme: "pplns",
    finder: LOGIN,
    ...more,
  };
}

const COLUMNS = { accepted: 400, duplicate: 1, invalid: 2, stale: 5 };
function columns(points: number, resolution: number, hashrate: number) {
  const column = (value: number) => Array.from({ length: points }, (_, i) => value + (i % 5));
  return {
    resolution,
    at: Array.from({ length: points }, (_, i) => NOW_S - (points - i) * resolution),
    hashrate: Array.from({ length: points }, (_, i) => hashrate * (1 + (i % 7) / 10)),
    accepted: column(COLUMNS.accepted),
    duplicate: column(COLUMNS.duplicate),
    invalid: column(COLUMNS.invalid),
    stale: column(COLUMNS.stale),
  };
}

const FACTS: PoolFacts = {
  name: "main",
  coin: "etc",
  chain: "classic",
  shareDifficulty: "8589934592",
  vardiff: true,
  statsCollectInterval: 5,
  hashrateWindow: 1800,
  hashrateLargeWindow: 10_800,
  poolFee: "1.0",
  scheme: "pplns",
  pplnsWindow: "2",
  soloFee: "0.5",
  payoutThreshold: 500_000_000,
  explorer: {
    block: "https://explorer.example/block/{}",
    transaction: "https://explorer.example/tx/{}",
    address: "https://explorer.example/address/{}",
  },
  epochLength: 30_000,
  ecip1099Block: 11_700_000,
};

const OVERVIEW: Overview = {
  candidatesTotal: 1,
  hashrate: 1_234_567_890_123,
  immatureTotal: 2,
  maturedTotal: 1234,
  minersTotal: 812,
  nodes: [
    { name: "a-node-with-a-long-name", height: "23512345", difficulty: String(DIFFICULTY), lastBeat: `${NOW_S}` },
  ],
  now: NOW_S * 1000,
  stats: { roundShares: 1.35 * DIFFICULTY, lastBlockFound: NOW_S - 4000 },
  effort: 1.35,
  network: {
    height: 23_512_345,
    difficulty: DIFFICULTY,
    blockTime: 13.2,
    hashrate: 237_999_443_000_000,
    reward: "2048000000000000000",
  },
  firstShare: NOW_S - 9000,
  luck: {
    "64": { luck: 0.93, uncleRate: 0.03, orphanRate: 0.01 },
    "128": { luck: 1.02, uncleRate: 0.03, orphanRate: 0.02 },
  },
  minersOnline: 801,
  workersOnline: 3120,
  workersTotal: 3199,
};

const MATURED = Array.from({ length: 20 }, (_, i) =>
  block(
    i + 3,
    i % 9 === 4 ? { orphan: true, reward: "0", hash: "0x0" } : i % 7 === 3 ? { uncle: true, uncleHeight: 9 } : {},
  ),
);

const ACCOUNT: Account = {
  charts: [],
  currentHashrate: 734_567_890,
  hashrate: 721_234_567,
  pageSize: 30,
  payments: Array.from({ length: 12 }, (_, i) => ({
    amount: 12_345_678_901_234 + i,
    timestamp: NOW_S - 86_400 * i,
    tx: hashOf(i + 90),
  })),
  paymentsTotal: 112,
  roundShares: 12_345_678_901_234,
  roundShare: 0.0029,
  stats: {
    balance: 123_456_789,
    immature: 23_456_789,
    pending: 1,
    paid: 12_345_678_901_234,
    blocksFound: 3,
    lastShare: NOW_S,
  },
  workers: Object.fromEntries(
    Array.from({ length: 5 }, (_, i) => [
      i === 3 ? "a-name-of-thirty-two-characters0" : `rig-${i}`,
      {
        lastBeat: NOW_S - i,
        hr: 61_234_567,
        offline: i === 4,
        hr2: 60_123_456,
        ...(i > 0 && { reportedHashrate: 62_345_678 }),
      },
    ]),
  ),
  workersOffline: 1,
  workersOnline: 4,
  workersTotal: 5,
  firstShare: NOW_S - 10_000,
  reportedHashrate: 249_382_712,
  rewards: { "24h": 123_456_789, "7d": 823_456_789 },
  rewardsSince: 0,
  estimatePerDay: 133_456_789,
};

const REASON =
  "another transaction has its nonce: it gets a new one when that is final, and a node of a very long name says nothing";
const payoutOf = (i: number, over: Partial<Payout> = {}): Payout => ({
  address: loginOf(i),
  amount: 1_234_567_890,
  timestamp: NOW_S - 60 * i,
  stage: "settled",
  tx: hashOf(i),
  confirmations: 20 + i,
  reason: null,
  ...over,
});

const OPEN: readonly Payout[] = [
  payoutOf(40, { stage: "debited", tx: null, confirmations: null, reason: "payments are paused" }),
  payoutOf(41, { stage: "sent", confirmations: null }),
  payoutOf(42, { stage: "mined", confirmations: 7, amount: 98_765_432_109_876 }),
  payoutOf(43, { stage: "foreign", confirmations: 3, reason: REASON }),
];

const PAYOUTS: Payouts = {
  confirmations: 20,
  finalDepth: 10_000,
  nextRun: NOW_S + 4_000,
  paused: null,
  payments: [...OPEN, ...Array.from({ length: 30 }, (_, i) => payoutOf(i))],
};

const WALLET: Wallet = {
  status: {
    v: 1,
    account: LOGIN,
    lastRunMs: NOW_S * 1000 - 9_000,
    lastSuccessMs: NOW_S * 1000 - 9_000,
    paused: null,
    dryRun: false,
    stages: { sent: 1 },
    waiting: [
      {
        id: null,
        login: loginOf(50),
        amountShannon: "98765432109",
        stage: "unplanned",
        reason: "98765432109 Shannon are above payouts.maxPayment (50000000000) and wait for approval",
        sinceMs: NOW_S * 1000 - 99_000,
      },
    ],
    waitingMore: 0,
    forgotten: 0,
    asking: 1,
    walletWei: "1234567890123456789012",
    walletShort: null,
    paidToday: "123456789012",
    head: 23_512_345,
    nonce: 4_711,
    foreign: [4_001, 4_002],
    problems: ["node spare: it has 2 peers, 5 are required"],
  },
  nonce: { chain: 4_711, next: 4_714 },
  owed: { balance: "987654321098", pending: "3703703670", immature: "44444444444" },
  threshold: "500000000",
  caps: { payment: "50000000000", run: null, day: "1000000000000" },
  runTotal: "0",
  concurrentTx: 10,
  inFlight: 3,
  nextRunMs: NOW_S * 1000 + 4_000_000,
  held: [{ login: loginOf(51), why: `its address refused payment 17 (${hashOf(5)})` }],
  payments: OPEN.map(({ address, amount, tx, stage, confirmations, reason }, i) => ({
    id: 300 + i,
    login: address,
    amountShannon: String(amount),
    stage,
    nonce: stage === "debited" ? null : 4_711 + i,
    hash: tx,
    confirmations,
    reason,
    bornMs: NOW_S * 1000,
  })),
};

/** A large pool with all that it can have. */
export const RICH: PageAnswers = {
  pool: FACTS,
  overview: OVERVIEW,
  history: {
    ...columns(180, 60, 1.2e12),
    range: "3h",
    difficulty: Array<number>(180).fill(DIFFICULTY),
    miners: [],
    blocks: [],
  },
  blocks: {
    candidates: [block(0, { hash: "", reward: "" })],
    candidatesTotal: 1,
    immature: [block(1), block(2, { uncle: true, uncleHeight: 9, reward: "64000000000000000" })],
    immatureTotal: 2,
    matured: MATURED,
    maturedTotal: 1234,
    luck: OVERVIEW.luck,
  },
  miners: {
    hashrate: OVERVIEW.hashrate,
    miners: Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [
        loginOf(i),
        { lastBeat: NOW_S - i, hr: 5e10 / (i + 1), offline: i % 11 === 10 },
      ]),
    ),
    minersTotal: 60,
    now: OVERVIEW.now,
    firstShare: NOW_S - 100_000,
  },
  payments: {
    payments: Array.from({ length: 30 }, (_, i) => ({
      address: loginOf(i),
      amount: 1_234_567_890,
      timestamp: NOW_S - i,
      tx: hashOf(i),
    })),
    paymentsTotal: 3123,
  },
  payouts: PAYOUTS,
  payout: {
    ...PAYOUTS,
    payments: [
      payoutOf(44, { address: LOGIN, stage: "mined", confirmations: 12 }),
      ...ACCOUNT.payments.map(({ amount, timestamp, tx }, i) => payoutOf(i, { address: LOGIN, amount, timestamp, tx })),
    ],
    threshold: 500_000_000,
    balance: 123_456_789,
    missing: 376_543_212,
    expected: NOW_S + 250_000,
    reason: null,
  },
  wallet: WALLET,
  account: ACCOUNT,
  accountHistory: { ...columns(144, 600, 7e8), range: "1d", workers: { "rig-1": COLUMNS } },
  rewards: {
    rewards: { "24h": 123_456_789, "7d": 823_456_789 },
    rewardsSince: NOW_S - 86_400 * 20,
    stats: ACCOUNT.stats,
    blocks: MATURED.filter(({ orphan }) => !orphan).map(({ height, hash, timestamp, uncle, reward }, i) => ({
      height,
      hash,
      timestamp,
      uncle,
      reward,
      immature: i < 2,
      amount: 2_345_678 + i,
    })),
  },
  credits: {
    ...block(3),
    immature: false,
    creditsTotal: 3120,
    credits: Array.from({ length: 120 }, (_, i) => ({ login: loginOf(i), amount: Math.round(2e8 / (i + 1)) })),
  },
};

const NO_COLUMNS = { at: [], hashrate: [], accepted: [], duplicate: [], invalid: [], stale: [] };

/** A pool that has begun a moment ago and that nobody mines on; its account was credited a share yesterday. */
export const EMPTY: PageAnswers = {
  pool: {
    ...FACTS,
    poolFee: null,
    scheme: null,
    pplnsWindow: null,
    soloFee: null,
    payoutThreshold: null,
    explorer: null,
  },
  overview: {
    ...OVERVIEW,
    candidatesTotal: 0,
    immatureTotal: 0,
    maturedTotal: 0,
    minersTotal: 0,
    hashrate: 0,
    effort: 0,
    firstShare: 0,
    minersOnline: 0,
    workersOnline: 0,
    workersTotal: 0,
    nodes: [],
    stats: {},
    network: { height: 0, difficulty: 0, blockTime: null, hashrate: null, reward: null },
    luck: { "0": { luck: 0, uncleRate: 0, orphanRate: 0 } },
  },
  history: { ...NO_COLUMNS, resolution: 60, range: "3h", difficulty: [], miners: [], blocks: [] },
  blocks: {
    candidates: [],
    candidatesTotal: 0,
    immature: [],
    immatureTotal: 0,
    matured: [],
    maturedTotal: 0,
    luck: {},
  },
  miners: { hashrate: 0, miners: {}, minersTotal: 0, now: OVERVIEW.now, firstShare: 0 },
  payments: { payments: [], paymentsTotal: 0 },
  payouts: { ...PAYOUTS, payments: [] },
  payout: {
    ...PAYOUTS,
    payments: [],
    threshold: 500_000_000,
    balance: 0,
    missing: 500_000_001,
    expected: null,
    reason: null,
  },
  wallet: {
    ...WALLET,
    status: {
      ...WALLET.status,
      waiting: [],
      asking: 0,
      foreign: [],
      problems: [],
      lastRunMs: null,
      walletWei: null,
      paidToday: "0",
    },
    nonce: { chain: null, next: null },
    owed: { balance: "0", pending: "0", immature: "0" },
    caps: { payment: null, run: null, day: null },
    inFlight: 0,
    held: [],
    payments: [],
  },
  account: {
    ...ACCOUNT,
    currentHashrate: 0,
    hashrate: 0,
    payments: [],
    paymentsTotal: 0,
    roundShares: 0,
    roundShare: 0,
    workers: {},
    workersOffline: 0,
    workersOnline: 0,
    workersTotal: 0,
    firstShare: 0,
    reportedHashrate: null,
    estimatePerDay: null,
    stats: { lastShare: NOW_S - 86_400 },
    rewards: { "24h": 0, "7d": 0 },
  },
  accountHistory: { ...NO_COLUMNS, resolution: 600, range: "1d", workers: {} },
  rewards: { rewards: { "24h": 0, "7d": 0 }, rewardsSince: 0, stats: {}, blocks: [] },
  credits: { ...block(3), immature: false, creditsTotal: 0, credits: [] },
};

/** The answer to a request of the page; undefined, as a 404, for a path that the API does not have and for what the pool has never seen. */
export function answerTo(answers: PageAnswers, pathname: string): unknown {
  const [, , route = "", ...rest] = pathname.split("/");
  if (route === "accounts") {
    if (rest[0] !== LOGIN) return undefined;
    if (rest[1] === "history") return answers.accountHistory;
    if (rest[1] === "payout") return answers.payout;
    return rest[1] === "rewards" ? answers.rewards : answers.account;
  }
  if (route === "blocks" && rest.length > 0) return rest[1] === BLOCK.hash ? answers.credits : undefined;
  if (route === "payments" && rest[0] === "open") return answers.payouts;
  if (route === "payouts") return answers.wallet;
  return Object.entries(answers).find(([name]) => name === route)?.[1];
}

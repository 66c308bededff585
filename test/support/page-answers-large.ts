import { RICH, type PageAnswers } from "./page-answers.ts";

const NOW_S = Math.floor(Date.now() / 1000);
/** Of a worker: as long as a pool takes it, and with nothing in it where a browser would break. */
const longName = (i: number) => `farm_in_the_north_hall_B_rig_${String(i).padStart(3, "0")}`;
const manyOf = <T>(list: readonly T[], times: number): T[] => Array.from({ length: times }, () => list).flat();

const WORKERS = Object.fromEntries(
  Array.from({ length: 400 }, (_, i) => [
    i % 2 === 0 ? longName(i) : `r${i}`,
    {
      lastBeat: NOW_S - (i % 9 === 8 ? 36_000 + i : i),
      hr: i % 9 === 8 ? 0 : 123_456_789_012 * (1 + i / 100),
      hr2: 119_456_789_012 * (1 + i / 100),
      offline: i % 9 === 8,
      ...(i % 3 > 0 && { reportedHashrate: 129_456_789_012 * (1 + i / 100) }),
    },
  ]),
);
const VERDICTS = Object.fromEntries(
  Object.keys(WORKERS).map((name, i) => [
    name,
    { accepted: 1_234_567 + i, duplicate: 1, invalid: i, stale: 12_345 + i },
  ]),
);

const MATURED = Array.from({ length: 100 }, (_, i) => {
  const like = RICH.blocks.matured[i % RICH.blocks.matured.length] ?? RICH.blocks.immature[0];
  return { ...like, height: 123_456_780 - i, effort: 12.34 + i, reward: "12345678901234567890123", fee: "12.345" };
}) as PageAnswers["blocks"]["matured"];

/** The largest that there may be: numbers of every length, names as long as they may be, a farm of hundreds of rigs, a chain that nobody has heard of. */
export const LARGE: PageAnswers = {
  ...RICH,
  pool: {
    ...RICH.pool,
    coin: "quixote",
    chain: "a-private-chain-of-somebody",
    poolFee: "12.345",
    scheme: "pplns",
    pplnsWindow: "12.75",
    soloFee: "10.125",
    payoutThreshold: 1_234_567_890_123_456,
    hashrateWindow: 5_400,
    hashrateLargeWindow: 91_800,
    ecip1099Block: null,
  },
  overview: {
    ...RICH.overview,
    candidatesTotal: 123,
    immatureTotal: 4_567,
    maturedTotal: 12_345_678,
    minersTotal: 123_456,
    minersOnline: 123_400,
    workersOnline: 1_234_567,
    workersTotal: 1_234_600,
    hashrate: 987_654_321_098_765,
    effort: 123.456,
    stats: { roundShares: 123.456 * 9.87e17, lastBlockFound: NOW_S - 8_640_000 },
    network: {
      height: 123_456_789,
      difficulty: 9.87e17,
      blockTime: 13.2,
      hashrate: 7.4e16,
      reward: "12345678901234567890123",
    },
    luck: Object.fromEntries(
      [64, 128, 256, 1024, 10_240].map((n) => [n, { luck: 12.345, uncleRate: 0.1234, orphanRate: 0.5 }]),
    ),
    nodes: Array.from({ length: 6 }, (_, i) => ({
      name: `a-node-with-a-name-that-somebody-made-as-long-as-this-${i}`,
      height: "123456789",
      difficulty: "987000000000000000",
      lastBeat: `${NOW_S - 100_000 * i}`,
    })),
  },
  blocks: {
    ...RICH.blocks,
    candidates: manyOf(RICH.blocks.candidates, 3).map((block, i) =>
      Object.assign({}, block, { height: 123_456_789 - i }),
    ),
    candidatesTotal: 123,
    immature: manyOf(RICH.blocks.immature, 12).map((block, i) => Object.assign({}, block, { height: 123_456_786 - i })),
    immatureTotal: 4_567,
    matured: MATURED,
    maturedTotal: 12_345_678,
    luck: Object.fromEntries(
      [64, 128, 256, 1024, 10_240].map((n) => [n, { luck: 12.345, uncleRate: 0.1234, orphanRate: 0.5 }]),
    ),
  },
  miners: {
    ...RICH.miners,
    hashrate: 987_654_321_098_765,
    minersTotal: 123_456,
  },
  payments: {
    payments: RICH.payments.payments.map((payment, i) => ({ ...payment, amount: 1_234_567_890_123_456 + i })),
    paymentsTotal: 12_345_678,
  },
  payout: {
    ...RICH.payout,
    threshold: 1_234_567_890_123_456,
    balance: 123_456_789_012_345,
    missing: 1_111_111_101_111_111,
    expected: NOW_S + 86_400 * 400,
  },
  account: {
    ...RICH.account,
    currentHashrate: 123_456_789_012_345,
    hashrate: 119_456_789_012_345,
    reportedHashrate: 129_456_789_012_345,
    roundShares: 1.2e18,
    roundShare: 0.1234,
    stats: {
      ...RICH.account.stats,
      balance: 123_456_789_012_345,
      immature: 1_123_456_789_012_345,
      pending: 1_234_567_890_123,
      paid: 8_123_456_789_012_345,
      blocksFound: 123_456,
    },
    payments: RICH.account.payments.map((payment) => ({ ...payment, amount: 1_234_567_890_123_456 })),
    paymentsTotal: 123_456,
    workers: WORKERS,
    workersOnline: 356,
    workersOffline: 44,
    workersTotal: 400,
    rewards: { "24h": 1_234_567_890_123_456, "7d": 7_234_567_890_123_456 },
    estimatePerDay: 1_134_567_890_123_456,
  },
  accountHistory: { ...RICH.accountHistory, workers: VERDICTS },
};

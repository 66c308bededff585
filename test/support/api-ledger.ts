import type { ApiConfig } from "../../core/api/api-config.ts";
import type { RedisCommand } from "../../core/ledger/contract/redis-port.ts";

/** The moment at which the fixed ledger is looked at. */
export const NOW_S = 1_700_000_000;
export const NOW_MS = NOW_S * 1000 + 500;

export const A = `0x${"a".repeat(40)}`;
export const B = `0x${"b".repeat(40)}`;
const C = `0x${"c".repeat(40)}`;
const D = `0x${"d".repeat(40)}`;

/** The reference's defaults, with small luck windows so that a ledger of a few blocks fills them. */
export const API_CONFIG: ApiConfig = {
  coin: "eth",
  api: {
    statsCollectIntervalMs: 5000,
    purgeIntervalMs: 600_000,
    hashrateWindowMs: 1_800_000,
    hashrateLargeWindowMs: 10_800_000,
    luckWindows: [10, 1, 3],
    payments: 2,
    blocks: 2,
    metricsToken: null,
    explorer: null,
  },
};

const hash = (digit: string) => `0x${digit.repeat(64)}`;
const poolShare = (agoS: number, difficulty: number, login: string, worker: string): RedisCommand => [
  ...(["ZADD", "eth:hashrate", NOW_S - agoS] as const),
  `${difficulty}:${login}:${worker}:${(NOW_S - agoS) * 1000 + 7}`,
];
const loginShare = (agoS: number, difficulty: number, worker: string): RedisCommand => [
  ...(["ZADD", `eth:hashrate:${A}`, NOW_S - agoS] as const),
  `${difficulty}:${worker}:${(NOW_S - agoS) * 1000 + 7}`,
];

/** A ledger as open-ethereum-pool's modules leave it, every figure chosen so that the answers can be worked out by hand. */
export const FIXED_LEDGER: readonly RedisCommand[] = [
  ["HSET", "eth:nodes", "main:name", "main", "main:height", "19000000", "main:difficulty", "3000000000000000"],
  ["HSET", "eth:nodes", "main:lastBeat", String(NOW_S - 3), "backup:name", "backup", "backup:height", "18999999"],
  ["HSET", "eth:stats", "roundShares", "9007199254740993", "lastBlockFound", String(NOW_S - 4000)],
  // Exactly at the far end of the half-hour window, and one second beyond it.
  poolShare(1801, 4_000_000_000, A, "rig1"),
  poolShare(1800, 4_000_000_000, A, "rig1"),
  poolShare(100, 4_000_000_000, A, "rig1"),
  poolShare(50, 8_000_000_000, A, "rig2"),
  poolShare(300, 4_000_000_000, B, "0"),
  poolShare(200, 4_000_000_000, B, "0"),
  poolShare(1000, 4_000_000_000, C, "rig"),
  // The offline rule is strict: 900 s ago is still online.
  poolShare(900, 4_000_000_000, D, "rig"),
  loginShare(10_801, 4_000_000_000, "rig1"),
  loginShare(10_800, 4_000_000_000, "rig1"),
  loginShare(5000, 4_000_000_000, "rig1"),
  loginShare(1801, 4_000_000_000, "rig1"),
  loginShare(1800, 4_000_000_000, "rig1"),
  loginShare(100, 4_000_000_000, "rig1"),
  loginShare(50, 8_000_000_000, "rig2"),
  loginShare(2000, 6_000_000_000, "__proto__"),
  ["HSET", `eth:miners:${A}`, "lastShare", String(NOW_S - 50), "blocksFound", "2", "balance", "1500000000"],
  ["HSET", `eth:miners:${A}`, "paid", "9223372036854775807", "note", "0x10"],
  ["HSET", "eth:shares:roundCurrent", A, "123000000000", B, "1"],
  ["ZADD", "eth:blocks:candidates", 105, `0x01:${hash("1")}:${hash("2")}:${NOW_S - 10}:10000000000000001:777`],
  ["ZADD", "eth:blocks:candidates", 106, "not a candidate"],
  [
    "HSET",
    "eth:blocks:terms",
    `0x02:${NOW_S - 400}`,
    `{"scheme":"prop","poolFee":"0.5","poolFeeAddress":null,"donateTo":null,"keepTxFees":false,"mixDigest":null,"finder":"${B}"}`,
  ],
  ["ZADD", "eth:blocks:immature", 104, `0:0:0x02:${hash("4")}:${NOW_S - 400}:2000:1000:5000000000000000000`],
  ["ZADD", "eth:blocks:matured", 103, `101:0:0x03:${hash("5")}:${NOW_S - 500}:1000:1500:1750000000000000000`],
  ["ZADD", "eth:blocks:matured", 102, `0:1:0x04:${hash("6")}:${NOW_S - 600}:1000:3000:0`],
  ["ZADD", "eth:blocks:matured", 100, `0:0:0x05:${hash("7")}:${NOW_S - 700}:4000:1000:2000000000000000000`],
  ["ZADD", "eth:payments:all", NOW_S - 30, `${hash("8")}:${A}:500000000`],
  ["ZADD", "eth:payments:all", NOW_S - 20, `${hash("9")}:${B}:600000000`],
  ["ZADD", "eth:payments:all", NOW_S - 10, `${hash("a")}:${A}:700000000`],
  ["ZADD", `eth:payments:${A}`, NOW_S - 30, `${hash("8")}:500000000`],
  ["ZADD", `eth:payments:${A}`, NOW_S - 10, `${hash("a")}:700000000`],
];

/** What the history of that pool holds. */
export const POOL_CHARTS = [{ x: NOW_S - 800, hashrate: 30_666_665, minersOnline: 4 }];

/** What the reference answers from {@link FIXED_LEDGER}, worked out by hand; exact text, as 64-bit integers must survive.
 * `poolCharts` is open-etc-pool's; in a block `effort` and what follows it are this pool's own. */
export const GOLDEN = {
  // A: (4+4+8)e9 / 1800 s. B: 8e9 / 600 s (ten-minute floor). C: 4e9 / 1000 s. D: 4e9 / 900 s. Whole numbers, then summed.
  stats:
    '{"candidatesTotal":2,"hashrate":30666665,"immatureTotal":1,"maturedTotal":3,"minersTotal":4,' +
    '"nodes":[{"height":"18999999","name":"backup"},' +
    '{"difficulty":"3000000000000000","height":"19000000","lastBeat":"1699999997","name":"main"}],' +
    '"now":1700000000500,"stats":{"lastBlockFound":1699996000,"roundShares":9007199254740993},' +
    '"poolCharts":[{"x":1699999200,"hashrate":30666665,"minersOnline":4}]}',
  miners:
    '{"hashrate":30666665,"miners":{' +
    `"${A}":{"lastBeat":1699999950,"hr":8888888,"offline":false},` +
    `"${B}":{"lastBeat":1699999800,"hr":13333333,"offline":false},` +
    `"${C}":{"lastBeat":1699999000,"hr":4000000,"offline":true},` +
    `"${D}":{"lastBeat":1699999100,"hr":4444444,"offline":false}},"minersTotal":4,"now":1700000000500,"firstShare":1699998200}`,
  // Luck: 1000/2000; mean of it, 1500/1000 and 3000/1000; then of all four with 1000/4000.
  blocks:
    '{"candidates":[{"height":105,"timestamp":1699999990,"difficulty":10000000000000001,"shares":777,"uncle":false,' +
    '"uncleHeight":0,"orphan":false,"hash":"","reward":"","effort":7.77e-14,"fee":null,"scheme":null,"finder":null}],"candidatesTotal":2,' +
    '"immature":[{"height":104,"timestamp":1699999600,"difficulty":2000,"shares":1000,"uncle":false,"uncleHeight":0,' +
    `"orphan":false,"hash":"${hash("4")}","reward":"5000000000000000000","effort":0.5,` +
    `"fee":"0.5","scheme":"prop","finder":"${B}"}],"immatureTotal":1,` +
    '"luck":{"1":{"luck":0.5,"orphanRate":0,"uncleRate":0},' +
    '"3":{"luck":1.6666666666666667,"orphanRate":0.3333333333333333,"uncleRate":0.3333333333333333},' +
    '"4":{"luck":1.3125,"orphanRate":0.25,"uncleRate":0.25}},' +
    '"matured":[{"height":103,"timestamp":1699999500,"difficulty":1000,"shares":1500,"uncle":true,"uncleHeight":101,' +
    `"orphan":false,"hash":"${hash("5")}","reward":"1750000000000000000","effort":1.5,"fee":null,"scheme":null,"finder":null},` +
    '{"height":102,"timestamp":1699999400,"difficulty":1000,"shares":3000,"uncle":false,"uncleHeight":0,' +
    `"orphan":true,"hash":"${hash("6")}","reward":"0","effort":3,"fee":null,"scheme":null,"finder":null}],"maturedTotal":3}`,
  payments:
    `{"payments":[{"address":"${A}","amount":700000000,"timestamp":1699999990,"tx":"${hash("a")}"},` +
    `{"address":"${B}","amount":600000000,"timestamp":1699999980,"tx":"${hash("9")}"}],"paymentsTotal":3}`,
  // rig1: 8e9 / 1800 and 20e9 / 10800. rig2: 8e9 / 600, both. __proto__: 0 and 6e9 / 2000, offline.
  account:
    '{"currentHashrate":17777777,"hashrate":18185184,"pageSize":2,' +
    `"payments":[{"amount":700000000,"timestamp":1699999990,"tx":"${hash("a")}"},` +
    `{"amount":500000000,"timestamp":1699999970,"tx":"${hash("8")}"}],"paymentsTotal":2,"roundShares":123000000000,` +
    '"stats":{"balance":1500000000,"blocksFound":2,"lastShare":1699999950,"note":"0x10","paid":9223372036854775807},' +
    '"workers":{"__proto__":{"lastBeat":1699998000,"hr":0,"offline":true,"hr2":3000000},' +
    '"rig1":{"lastBeat":1699999900,"hr":4444444,"offline":false,"hr2":1851851},' +
    '"rig2":{"lastBeat":1699999950,"hr":13333333,"offline":false,"hr2":13333333}},' +
    '"workersOffline":1,"workersOnline":2,"workersTotal":3}',
} as const;

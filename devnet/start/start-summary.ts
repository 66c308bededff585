import pc from "picocolors";
import { duration, hashrate } from "../../core/units.ts";
import { blocksIn, type LedgerTotals } from "./ledger-totals.ts";

/** One moment of a local pool, as the summary shows it. */
export interface Moment {
  readonly elapsedMs: number;
  /** Height of the work being mined; null without work. */
  readonly height: number | null;
  readonly networkDifficulty: string | null;
  /** Verdicts that the built-in miner got; null when it is not running. */
  readonly shares: { readonly accepted: number; readonly stale: number; readonly invalid: number } | null;
  /** Hashes a second of the built-in miner. */
  readonly hashrate: number;
  /** Light cache of the built-in miner, 0 to 1. */
  readonly minerCache: number;
  /** Blocks that the simulated node accepted; null with a real node. */
  readonly blocks: number | null;
  /** Null while the ledger does not answer. */
  readonly ledger: LedgerTotals | null;
  /** Miners that are connected to the bridge. */
  readonly connections: number;
}

/** Where one's own miner, browser and tools connect. */
export interface Addresses {
  readonly dashboard: string;
  /** The machine's address on each of its networks, where it listens on all of them. */
  readonly stratum: readonly [string, ...string[]];
  readonly websocket: string;
  readonly getwork: string;
  readonly node: string;
  /** What a real node pushes its work to. */
  readonly notify: string | null;
  /** For `npm run ledger`; null where its token is the operator's. */
  readonly ledger: string | null;
  /** How one looks into the redis-server that keeps the books. */
  readonly redis: string | null;
}

const number = (value: number | bigint): string => value.toLocaleString("en-US");

const shareText = (moment: Moment): string => {
  if (moment.shares === null) return `${moment.connections} miner(s) connected`;
  const { accepted, stale, invalid } = moment.shares;
  return `${number(accepted)} accepted · ${number(stale)} stale · ${number(invalid)} invalid`;
};

const minerText = (moment: Moment): string =>
  moment.minerCache < 1
    ? `builds its light cache, ${Math.round(moment.minerCache * 100)} %`
    : hashrate(moment.hashrate);

const ledgerText = ({ ledger }: Moment): string =>
  ledger === null
    ? "does not answer"
    : `open round ${number(ledger.roundTotal)} · ${blocksIn(ledger)} block(s) over ${number(ledger.closedTotal)}`;

/** Shannon as coins. */
const coins = (shannon: bigint): string =>
  (Number(shannon) / 1e9).toLocaleString("en-US", { minimumFractionDigits: 3, maximumFractionDigits: 3 });

/** Where the found blocks are on their way to balances; null before the first. */
const payoutText = ({ ledger }: Moment): string | null => {
  if (ledger === null || blocksIn(ledger) === 0) return null;
  const { candidates, immature, matured, orphans, immatureShannon, balanceShannon, paidShannon } = ledger;
  const blocks = `${candidates} candidate(s) · ${immature} immature · ${matured} matured · ${orphans} orphan(s)`;
  return `${blocks} · ${coins(immatureShannon)} immature, ${coins(balanceShannon)} balance, ${coins(paidShannon)} paid`;
};

const row = ([name, text]: [string, string]): string => `  ${pc.dim(name.padEnd(11))} ${text}`;

const optional = (name: string, text: string | null): [string, string][] => (text === null ? [] : [[name, text]]);

/** The panel that a terminal shows and redraws. */
export function renderPanel(moment: Moment, addresses: Addresses): string {
  const rows: [string, string][] = [
    ["running", duration(moment.elapsedMs / 1000, true)],
    [
      "work",
      moment.height === null
        ? "none yet"
        : `height ${number(moment.height)}, difficulty ${number(BigInt(moment.networkDifficulty ?? 0))}`,
    ],
    ["shares", shareText(moment)],
    ...(moment.shares ? [["miner", minerText(moment)] satisfies [string, string]] : []),
    ...(moment.blocks === null ? [] : [["blocks", `${moment.blocks} accepted by the node`] satisfies [string, string]]),
    ["ledger", ledgerText(moment)],
    ...optional("payouts", payoutText(moment)),
  ];
  const links: [string, string][] = [
    ["dashboard", addresses.dashboard],
    ["your miner", `${addresses.stratum[0]}  (user: your 0x address, e.g. 0x….rig1)`],
    ...addresses.stratum.slice(1).map((url): [string, string] => ["or", url]),
    ["WebSocket", addresses.websocket],
    ["getwork", addresses.getwork],
    ["node", addresses.node],
    ...optional("notify", addresses.notify === null ? null : `geth … --miner.notify ${addresses.notify}`),
    ...optional("books", addresses.ledger === null ? null : `npm run -s ledger -- audit ${addresses.ledger}`),
    ...optional("redis", addresses.redis),
  ];
  return [
    pc.bold(pc.cyan("edgepool")),
    ...rows.map(row),
    "",
    ...links.map(row),
    "",
    pc.dim("  Ctrl-C stops everything"),
  ].join("\n");
}

/** The same in one line, for logs and pipes. */
export function renderLine(moment: Moment): string {
  return [
    duration(moment.elapsedMs / 1000, true),
    moment.height === null ? "no work yet" : `height ${moment.height}`,
    `shares: ${shareText(moment)}`,
    ...(moment.shares ? [`miner: ${minerText(moment)}`] : []),
    ...(moment.blocks === null ? [] : [`blocks: ${moment.blocks}`]),
    `ledger: ${ledgerText(moment)}`,
    ...optional("payouts", payoutText(moment)).map(([name, text]) => `${name}: ${text}`),
  ].join(" | ");
}

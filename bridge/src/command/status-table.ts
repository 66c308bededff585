import Table from "cli-table3";
import { duration, hashrate } from "../../../core/units.ts";
import type { BridgeStats, MinerStats, ShareCounts } from "../bridge-stats.ts";

/** More rows would push the log off the screen. */
const MAX_ROWS = 20;

/**
 * The state as a table, every line ended by `\n`.
 * @param nowMs Unix time, ms.
 * @param columns width of the terminal; longer lines are cut, as a wrapped line would break the redrawing.
 */
export function statusTable(stats: BridgeStats, nowMs: number, columns: number): string {
  const table = new Table({
    head: [
      "miner",
      "login",
      "pool",
      "state",
      "accepted",
      "rejected",
      "waiting",
      "hashrate",
      "last share",
      "rejected for",
    ],
    style: { head: [], border: [], compact: true },
  });
  const miners = stats.miners.toSorted((a, b) => b.connectedAtMs - a.connectedAtMs);
  for (const miner of miners.slice(0, MAX_ROWS)) table.push(row(miner, nowMs));
  const hidden = miners.length - MAX_ROWS;
  const { totals } = stats;
  const reasons = reasonsOf(totals);
  const lines = [
    ...stats.pools.map(
      ({ url, state, miners: count, lastError }) =>
        `${url} ${state}, ${count} miners${lastError === null ? "" : ` (${lastError})`}`,
    ),
    ...table.toString().split("\n"),
    ...(hidden > 0 ? [`… and ${hidden} more`] : []),
    `up ${duration((nowMs - stats.startedAtMs) / 1000)}, accepted ${totals.accepted}, rejected ${totals.rejected}${reasons === "" ? "" : ` (${reasons})`}, reconnects ${totals.reconnects}, getwork ${totals.getworkRequests}`,
  ];
  return lines.map((line) => `${line.slice(0, Math.max(columns - 1, 20))}\n`).join("");
}

function row(miner: MinerStats, nowMs: number): (string | number)[] {
  return [
    miner.remote,
    miner.login === null
      ? "-"
      : `${miner.login.slice(0, 8)}…${miner.login.slice(-4)}${miner.worker === null ? "" : `.${miner.worker}`}`,
    miner.pool?.replace(/^wss?:\/\//, "") ?? "-",
    miner.state,
    miner.accepted,
    miner.rejected,
    miner.pendingShares,
    miner.reportedHashrate === null ? "-" : hashrate(miner.reportedHashrate),
    miner.lastShareAtMs === null ? "-" : `${duration((nowMs - miner.lastShareAtMs) / 1000)} ago`,
    reasonsOf(miner),
  ];
}

/** `3 Duplicate share, 1 Job not found`: the most frequent first. */
function reasonsOf({ reasons }: ShareCounts): string {
  const counted = Object.entries(reasons).toSorted(([, one], [, other]) => other - one);
  return counted.map(([reason, count]) => `${count} ${reason}`).join(", ");
}

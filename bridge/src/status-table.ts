import Table from "cli-table3";
import type { BridgeStats, MinerStats } from "./bridge-stats.ts";

/** More rows would push the log off the screen. */
const MAX_ROWS = 20;

/**
 * The state as a table, every line ended by `\n`.
 * @param nowMs Unix time, ms.
 * @param columns width of the terminal; longer lines are cut, as a wrapped line would break the redrawing.
 */
export function statusTable(stats: BridgeStats, nowMs: number, columns: number): string {
  const table = new Table({
    head: ["miner", "login", "pool", "state", "accepted", "rejected", "waiting", "hashrate", "last share"],
    style: { head: [], border: [], compact: true },
  });
  const miners = stats.miners.toSorted((a, b) => b.connectedAtMs - a.connectedAtMs);
  for (const miner of miners.slice(0, MAX_ROWS)) table.push(row(miner, nowMs));
  const hidden = miners.length - MAX_ROWS;
  const { totals } = stats;
  const lines = [
    ...stats.pools.map(
      ({ url, state, miners: count, lastError }) =>
        `${url} ${state}, ${count} miners${lastError === null ? "" : ` (${lastError})`}`,
    ),
    ...table.toString().split("\n"),
    ...(hidden > 0 ? [`… and ${hidden} more`] : []),
    `up ${duration(nowMs - stats.startedAtMs)}, accepted ${totals.accepted}, rejected ${totals.rejected}, reconnects ${totals.reconnects}, getwork ${totals.getworkRequests}`,
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
    miner.lastShareAtMs === null ? "-" : `${duration(nowMs - miner.lastShareAtMs)} ago`,
  ];
}

/** `95.3 MH/s`. */
export function hashrate(perSecond: number): string {
  const units = ["H/s", "kH/s", "MH/s", "GH/s", "TH/s"];
  const power = Math.min(Math.max(Math.floor(Math.log10(Math.max(perSecond, 1)) / 3), 0), units.length - 1);
  return `${(perSecond / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** `59 s`, `12 min`, `3.5 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(Math.round(ms / 1000), 0);
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** More than all Ethash chains together have: what is above it is no rate. */
const HIGHEST = 1e18;

/**
 * The hashrate that a miner says it has: hex digits with `0x` as ethminer pads them to 32, or without as EIP-1571 has them, or a number.
 * @returns hashes a second, null for what is none
 */
export function readHashrate(value: unknown): number | null {
  const rate = typeof value === "number" ? value : hexRate(value);
  return Number.isFinite(rate) && rate >= 0 && rate <= HIGHEST ? Math.round(rate) : null;
}

function hexRate(value: unknown): number {
  const digits = typeof value === "string" ? /^(?:0x)?([0-9a-f]{1,64})$/i.exec(value)?.[1] : undefined;
  return digits === undefined ? Number.NaN : Number(BigInt(`0x${digits}`));
}

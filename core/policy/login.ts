/** A miner's login as it stands in stratum params, URLs and first lines. */
export interface Login {
  /** Lower-case `0x` address, 20 bytes. */
  readonly address: string;
  /** What follows `.` or `/`, empty where nothing does; not yet checked. */
  readonly suffix: string;
}

const LOGIN = /^(?:0x)?([0-9a-f]{40})(?:[./](.*))?$/i;
const ZERO_ADDRESS = "0".repeat(40);
const WORKER = /^[0-9A-Za-z_-]{1,32}$/;
/** Names that programs put there themselves: Claymore's and Phoenix' `eth1.0`, eth-proxy's `Proxy_0.0.5`. */
const PLACEHOLDER = /^(?:eth1\.0|Proxy_.*)$/i;
/** Shorter tails of an address are more likely a rig's name. */
const MIN_TAIL = 4;

/** The worker of a miner that names none. */
export const DEFAULT_WORKER = "0";

/**
 * Reads `0xaddress`, `0xaddress.worker` or `0xaddress/worker`, in any case and with or without `0x`; null when it is no
 * 20-byte hex address. The zero address belongs to nobody and is refused, as open-ethereum-pool does.
 */
export function parseLogin(text: string): Login | null {
  const match = LOGIN.exec(text.trim());
  const digits = match?.[1]?.toLowerCase();
  if (digits === undefined || digits === ZERO_ADDRESS) return null;
  return { address: `0x${digits}`, suffix: match?.[2] ?? "" };
}

/**
 * The worker's name: the first usable one of the candidates, best first (docs/protocol.md, section 2). A name is not usable when it
 * is not 1 to 32 of `[0-9A-Za-z-_]`, was put there by the program and not the operator, or is the tail of the address.
 */
export function workerName(address: string, ...candidates: readonly string[]): string {
  const usable = (name: string): boolean =>
    WORKER.test(name) && !PLACEHOLDER.test(name) && !(name.length >= MIN_TAIL && address.endsWith(name.toLowerCase()));
  return candidates.find(usable) ?? DEFAULT_WORKER;
}

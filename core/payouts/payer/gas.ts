import type { ChainView } from "./payer-nodes.ts";
import type { PayerSettings } from "./payer-deps.ts";
import type { GasFees } from "./transaction.ts";

/** Fees, or why there are none that may be paid. */
export type FeesResult =
  | { readonly ok: true; readonly fees: GasFees }
  | { readonly ok: false; readonly reason: string };

type GasSettings = Pick<PayerSettings, "autoGas" | "gasPriceWei" | "maxGasPriceWei">;

const least = (values: readonly bigint[]): bigint => values.reduce((low, value) => (value < low ? value : low));
const most = (...values: readonly bigint[]): bigint => values.reduce((high, value) => (value > high ? value : high));

/** What gas costs now: the cheapest that a node says, so that one that lies cannot burn the wallet. */
export function feesNow({ well }: ChainView, { autoGas, gasPriceWei, maxGasPriceWei }: GasSettings): FeesResult {
  if (well.length === 0) return { ok: false, reason: "no node can be believed now" };
  const price = autoGas ? least(well.map((node) => node.gasPriceWei)) : gasPriceWei;
  if (price > maxGasPriceWei) return tooHigh(price, maxGasPriceWei);
  const baseFees = well.map(({ baseFeeWei }) => baseFeeWei).filter((fee) => fee !== null);
  if (baseFees.length === 0) return { ok: true, fees: { kind: "legacy", gasPrice: most(price, 1n) } };
  const baseFee = most(...baseFees);
  const tip = most(price - baseFee, 1n);
  if (baseFee + tip > maxGasPriceWei) return tooHigh(baseFee + tip, maxGasPriceWei);
  const maxFeePerGas = least([2n * baseFee + tip, maxGasPriceWei]);
  return { ok: true, fees: { kind: "eip1559", maxFeePerGas, maxPriorityFeePerGas: tip } };
}

const raised = (old: bigint, market: bigint): bigint => most(market, old + 1n, (old * 11n + 9n) / 10n);

/** The fees of a replacement: each at least a tenth above the last one's, or nodes refuse it, and at least what gas costs now. */
export function raisedFees(last: GasFees, now: GasFees, maxGasPriceWei: bigint): FeesResult {
  const fees: GasFees =
    last.kind === "legacy"
      ? { kind: "legacy", gasPrice: raised(last.gasPrice, now.kind === "legacy" ? now.gasPrice : now.maxFeePerGas) }
      : {
          kind: "eip1559",
          maxFeePerGas: raised(last.maxFeePerGas, now.kind === "legacy" ? now.gasPrice : now.maxFeePerGas),
          maxPriorityFeePerGas: raised(
            last.maxPriorityFeePerGas,
            now.kind === "legacy" ? last.maxPriorityFeePerGas : now.maxPriorityFeePerGas,
          ),
        };
  const cap = fees.kind === "legacy" ? fees.gasPrice : fees.maxFeePerGas;
  return cap > maxGasPriceWei ? tooHigh(cap, maxGasPriceWei) : { ok: true, fees };
}

const tooHigh = (price: bigint, cap: bigint): FeesResult => ({
  ok: false,
  reason: `a unit of gas costs ${price} Wei, payouts.maxGasPrice is ${cap}`,
});

import type { Settings } from "../../config-schema.ts";
import type { ConfigProblem } from "../../config-problem.ts";
import { chainIdOf, genesisOf } from "../../work/chain-identity.ts";
import { basicAuth, type UpstreamConfig } from "../../work/upstream.ts";
import type { PayerSettings } from "./payer-deps.ts";
import type { SignerMethod } from "./signer.ts";

/** What payments are made with. */
export interface PayerConfig {
  readonly settings: PayerSettings;
  /** 32 bytes as hex; secret. Null: a remote signer, or a script that does not pay. */
  readonly key: string | null;
  readonly signer: { readonly at: UpstreamConfig; readonly method: SignerMethod } | null;
}

const SIGNER_TIMEOUT_MS = 30_000;

/** @returns null where payments are switched off; what is wrong with their settings goes to `problems` */
export function payerOf(settings: Settings, problems: ConfigProblem[]): PayerConfig | null {
  const { payouts, chain, unlocker, PAYOUT_PRIVATE_KEY: key, PAYOUT_SIGNER_URL: url } = settings;
  if (!payouts.enabled) return null;
  const wrong = (variable: string, found: string, allowed: string): void => {
    problems.push({ variable, found, allowed });
  };
  const chainId = typeof chain === "string" ? (chainIdOf(chain) ?? null) : chain.chainId;
  if (payouts.address === null) wrong("payouts.address", "nothing", "the address that pays");
  if (chainId === null) wrong("chain", "a chain without chainId", "one with chainId, where payouts.enabled is true");
  // Neither is no fault here: only the script that pays gets them, and the payer says where one is missing.
  if (key !== null && url !== null)
    wrong(
      "PAYOUT_SIGNER_URL",
      "a secret beside PAYOUT_PRIVATE_KEY",
      "one of the secrets PAYOUT_PRIVATE_KEY and PAYOUT_SIGNER_URL",
    );
  if (payouts.threshold === null) wrong("payouts.threshold", "null", "Shannon");
  if (payouts.finalDepth < payouts.confirmations)
    wrong(
      "payouts.finalDepth",
      String(payouts.finalDepth),
      `at least confirmations, which is ${payouts.confirmations}`,
    );
  if (!unlocker.enabled && !settings.devnet)
    wrong("payouts.enabled", "true", "true only beside unlocker.enabled: nobody is credited here otherwise");
  if (payouts.address === null || chainId === null || payouts.threshold === null) return null;
  return {
    settings: settingsOf(payouts, { account: payouts.address, chainId, threshold: payouts.threshold, chain }),
    key,
    signer: url === null ? null : { at: signerAt(url), method: payouts.signerMethod },
  };
}

interface Known {
  readonly account: string;
  readonly chainId: number;
  readonly threshold: bigint;
  readonly chain: Settings["chain"];
}

function settingsOf(payouts: Settings["payouts"], { account, chainId, threshold, chain }: Known): PayerSettings {
  return {
    account,
    chainId: BigInt(chainId),
    genesis: typeof chain === "string" ? genesisOf(chain) : null,
    intervalMs: payouts.interval,
    threshold,
    requirePeers: payouts.requirePeers,
    gas: BigInt(payouts.gas),
    contractGas: BigInt(payouts.contractGas),
    autoGas: payouts.autoGas,
    gasPriceWei: payouts.gasPrice,
    maxGasPriceWei: payouts.maxGasPrice,
    gasFrom: payouts.gasFrom,
    concurrentTx: payouts.concurrentTx,
    maxPayment: payouts.maxPayment,
    maxRun: payouts.maxRun,
    maxDay: payouts.maxDay,
    confirmations: payouts.confirmations,
    finalDepth: payouts.finalDepth,
    replaceAfterMs: payouts.replaceAfter,
    pauseAt: payouts.pauseAt,
    dryRun: payouts.dryRun,
  };
}

/** Credentials in the URL become a header, so that they stand in no error. */
function signerAt(url: string): UpstreamConfig {
  const target = new URL(url);
  const secretHeaders = basicAuth(decodeURIComponent(target.username), decodeURIComponent(target.password));
  target.username = "";
  target.password = "";
  return { name: "signer", url: target.href, timeoutMs: SIGNER_TIMEOUT_MS, secretHeaders };
}

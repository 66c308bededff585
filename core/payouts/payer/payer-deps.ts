import type { Logger } from "../../log.ts";
import type { RedisPort } from "../../ledger/contract/redis-port.ts";
import type { SqlPort } from "../../sql-port.ts";
import type { PayerNode } from "./payer-nodes.ts";
import type { PaymentSigner } from "./signer.ts";

/** The reference's settings of `payouts`, and what it lacks. Amounts in Shannon, prices in Wei. */
export interface PayerSettings {
  /** Lower-case address that pays. */
  readonly account: string;
  readonly chainId: bigint;
  /** Hash of block 0; null: the first one that the nodes agree on is kept. */
  readonly genesis: string | null;
  readonly intervalMs: number;
  /** A balance has to be above it. A miner's own counts where it is higher. */
  readonly threshold: bigint;
  readonly requirePeers: number;
  /** Gas limit of a transfer to an account, and the most for one to a contract. */
  readonly gas: bigint;
  readonly contractGas: bigint;
  readonly autoGas: boolean;
  readonly gasPriceWei: bigint;
  /** Nothing is signed above it. */
  readonly maxGasPriceWei: bigint;
  /** `miner`: the gas, as estimated when the payment is planned, is taken from what is sent. */
  readonly gasFrom: "pool" | "miner";
  readonly concurrentTx: number;
  /** Caps a payment, a run and a UTC day; null: none. */
  readonly maxPayment: bigint | null;
  readonly maxRun: bigint | null;
  readonly maxDay: bigint | null;
  readonly confirmations: number;
  readonly finalDepth: number;
  readonly replaceAfterMs: number;
  /** Heights at which payments pause until the operator resumes them. */
  readonly pauseAt: readonly number[];
  /** Says what it would pay, and pays nothing. */
  readonly dryRun: boolean;
}

export interface PayerDeps {
  readonly sql: SqlPort;
  readonly redis: RedisPort;
  readonly coin: string;
  readonly nodes: readonly PayerNode[];
  readonly signer: PaymentSigner;
  readonly settings: PayerSettings;
  /** The account is no longer the configured one: what is under way is brought to its end, and nothing else begun. */
  readonly retired: boolean;
  /** Why nobody may be paid now, by the rest of the pool; null where payments may go on. */
  readonly stopped: () => Promise<string | null>;
  readonly nowMs: () => number;
  /** Text that nobody else has: 16 hex digits or more. */
  readonly randomId: () => string;
  readonly log: Logger;
}

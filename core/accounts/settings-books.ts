import { ledgerKeys, type LedgerKeys } from "../ledger/contract/keys.ts";
import { RedisReplyError, type RedisPort } from "../ledger/contract/redis-port.ts";
import { CHANGE_SETTINGS } from "../ledger/contract/scripts/embedded.ts";
import { runScript } from "../ledger/write-path/run-script.ts";
import { keepsTargets, type MinerSettings } from "./settings-message.ts";

/** A login's settings as the ledger has them. */
export interface StoredSettings extends MinerSettings {
  /** Of its last signed change; 0 where there was none. */
  readonly nonce: number;
}

const NO_TARGETS = "none";

/** A miner's settings, where the payer, the lists and the sessions read them: in the ledger, written in one step with the nonce. */
export class SettingsBooks {
  readonly #redis: RedisPort;
  readonly #keys: LedgerKeys;
  readonly #login: string;

  /** @param login lower-case `0x` address */
  constructor(redis: RedisPort, coin: string, login: string) {
    this.#redis = redis;
    this.#keys = ledgerKeys(coin);
    this.#login = login;
  }

  /** Three commands. @throws RedisReplyError where a key holds something else @throws RedisUnreachableError */
  async read(): Promise<StoredSettings> {
    const replies = await this.#redis.pipeline([
      ["HMGET", this.#keys.settings(this.#login), "payoutthreshold", "nonce", "notifications"],
      ["SISMEMBER", this.#keys.hiddenLogins, this.#login],
      ["SISMEMBER", this.#keys.soloLogins, this.#login],
    ]);
    for (const reply of replies) if (reply instanceof RedisReplyError) throw reply;
    const [fields, hidden, solo] = replies;
    const [threshold, nonce, notifications] = Array.isArray(fields) ? fields.map((field) => String(field ?? "")) : [];
    return {
      payoutThreshold: payoutThresholdOf(threshold),
      nonce: /^[1-9]\d{0,14}$/.test(nonce ?? "") ? Number(nonce) : 0,
      hidden: Number(hidden) === 1,
      solo: Number(solo) === 1,
      notifications: notifications || NO_TARGETS,
    };
  }

  /**
   * Writes all of it, or nothing where another change came before.
   * @param soloOffered else nothing is said about solo: the operator may have written it down
   * @throws as {@link read}
   */
  async write(settings: MinerSettings, nonce: number, soloOffered: boolean): Promise<boolean> {
    const { payoutThreshold, solo, hidden, notifications } = settings;
    const { hiddenLogins, soloLogins, notifiedLogins } = this.#keys;
    const keys = [this.#keys.settings(this.#login), hiddenLogins, soloLogins, notifiedLogins];
    const threshold = payoutThreshold === null ? "" : String(payoutThreshold);
    const targets = keepsTargets(notifications) ? "" : notifications;
    const solos = soloOffered ? bit(solo) : "";
    const args = [this.#login, String(nonce - 1), String(nonce), threshold, bit(hidden), solos, targets];
    const [code] = await runScript(this.#redis, CHANGE_SETTINGS, keys, args);
    return code === 1;
  }
}

const bit = (value: boolean): string => (value ? "1" : "0");

/**
 * A miner's own payout threshold, as its settings have it.
 * @param stored the field `payoutthreshold` of `<coin>:settings:<login>`, Shannon @returns null where there is none that can be read
 */
export function payoutThresholdOf(stored: unknown): bigint | null {
  const text = typeof stored === "string" || typeof stored === "number" ? String(stored) : "";
  return /^[1-9]\d{0,17}$/.test(text) ? BigInt(text) : null;
}

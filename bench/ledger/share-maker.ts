import type { ShareRecord } from "../../core/ledger/contract/records.ts";

/** Shares that differ, the same ones each time but for their moments. */
export class ShareMaker {
  #serial = 0;
  #chance = 1;

  /** One of so many logins. */
  login(logins: number): number {
    return this.#next() % logins;
  }

  share(login: number): ShareRecord {
    this.#serial += 1;
    return {
      login: `0x${login.toString(16).padStart(40, "0")}`,
      worker: "rig-1",
      // Anywhere in the set, as the nonces of miners are.
      nonce: `0x${this.#next().toString(16).padStart(8, "0")}${this.#serial.toString(16).padStart(8, "0")}`,
      header: `0x${"01".repeat(32)}`,
      mixDigest: `0x${"02".repeat(32)}`,
      height: 20_000_000,
      shareDifficulty: 4_000_000_000n,
      timestampMs: Date.now() + this.#serial,
    };
  }

  /** A linear congruential generator (Numerical Recipes); its low bits are short-lived, so they go. */
  #next(): number {
    this.#chance = (Math.imul(this.#chance, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#chance >>> 4;
  }
}

import { payoutThresholdOf } from "../../accounts/settings-books.ts";
import { bookMap, keysBehind, textList } from "../../ledger/books/scan.ts";
import { ledgerKeys, type LedgerKeys } from "../../ledger/contract/keys.ts";
import { RedisReplyError, type RedisPort } from "../../ledger/contract/redis-port.ts";
import { LEDGER_SCRIPTS } from "../../ledger/contract/scripts/embedded.ts";
import { runScript } from "../../ledger/write-path/run-script.ts";

/** What became of a debit. */
export type DebitResult =
  | { readonly kind: "done" }
  /** Nothing was taken, and nothing ever is under this id unless it is tried again. */
  | { readonly kind: "refused"; readonly reason: string };

/** What became of the end of a payment. */
export type CloseResult =
  | { readonly kind: "done" }
  /** `unknown`: the ledger has never heard of it. */
  | { readonly kind: "refused"; readonly reason: string; readonly unknown: boolean };

/** A login as the ledger has it, Shannon. */
export interface Payee {
  readonly login: string;
  readonly balance: bigint;
  readonly pending: bigint;
  /** Paid and pending together. */
  readonly gone: bigint;
  /** Its own threshold, where it has set one. */
  readonly threshold: bigint | null;
}

/** One payment, as the ledger's scripts name it. */
export interface LedgerPayment {
  /** Unique over all payers of a ledger. */
  readonly id: string;
  readonly login: string;
  readonly amount: bigint;
}

const PAGE = 500;

/** The payer's side of the books. Whatever it writes is one atomic step, guarded by the payment's id, and can be sent again. */
export class PayerBooks {
  readonly keys: LedgerKeys;
  readonly #redis: RedisPort;
  readonly #holder: string;

  /** @param holder what `payments:lock` holds while this payer pays */
  constructor(redis: RedisPort, coin: string, holder: string) {
    this.#redis = redis;
    this.keys = ledgerKeys(coin);
    this.#holder = holder;
  }

  /** @returns null when the lock is ours, else who has it */
  async takeLock(): Promise<string | null> {
    return await this.#lock("take");
  }

  /** Somebody else may pay from now on. @returns as {@link takeLock} */
  async releaseLock(): Promise<string | null> {
    return await this.#lock("release");
  }

  /** @returns who has the lock, where that is somebody else; takes nothing */
  async otherHolder(): Promise<string | null> {
    const holder = await this.#redis.command(["GET", this.keys.paymentsLock]);
    return holder === null || holder === this.#holder ? null : String(holder);
  }

  async #lock(action: "take" | "release"): Promise<string | null> {
    const script = LEDGER_SCRIPTS["lock-payments"];
    const [code, holder] = await runScript(this.#redis, script, [this.keys.paymentsLock], [this.#holder, action]);
    return code === 1 ? null : String(holder);
  }

  /** @param least what the login's paid and pending have to be together at least; @param ts Unix time in seconds */
  async debit({ id, login, amount }: LedgerPayment, least: bigint, ts: number): Promise<DebitResult> {
    const { paymentsLock, openPayments, finances, pendingPayments } = this.keys;
    const keys = [paymentsLock, openPayments, this.keys.miner(login), finances, pendingPayments];
    const args = [this.#holder, id, login, String(amount), String(ts), String(least)];
    const [code, found] = await runScript(this.#redis, LEDGER_SCRIPTS["debit-payment"], keys, args);
    switch (code) {
      case 1:
      case 2:
        return { kind: "done" };
      case 3:
        return { kind: "refused", reason: `its balance is ${String(found)} Shannon by now` };
      case 4:
        return { kind: "refused", reason: olderLedger(BigInt(String(found)), least) };
      case 5:
        return { kind: "refused", reason: "another payment of it is pending" };
      default:
        throw new RedisReplyError(`${this.keys.paymentsLock} is not ours any more`);
    }
  }

  /** @param to `paid`: with the hash of the transaction; `balance`: it goes back to the login */
  async close(
    { id, login, amount }: LedgerPayment,
    to: { readonly to: "paid"; readonly hash: string } | { readonly to: "balance" },
    ts: number,
  ): Promise<CloseResult> {
    const { paymentsLock, openPayments, finances, pendingPayments, payments } = this.keys;
    const keys = [
      paymentsLock,
      openPayments,
      this.keys.miner(login),
      finances,
      pendingPayments,
      payments,
      this.keys.paymentsOf(login),
    ];
    const args = [this.#holder, id, login, String(amount), to.to, String(ts), to.to === "paid" ? to.hash : ""];
    const [code] = await runScript(this.#redis, LEDGER_SCRIPTS["close-payment"], keys, args);
    switch (code) {
      case 1:
      case 2:
        return { kind: "done" };
      case 3:
        return { kind: "refused", reason: UNKNOWN_PAYMENT, unknown: true };
      case 4:
        return { kind: "refused", reason: "the ledger has ended it the other way", unknown: false };
      default:
        throw new RedisReplyError(`${this.keys.paymentsLock} is not ours any more`);
    }
  }

  /** A payment that is listed with one transaction and was made by another: it is listed with that one from then on. Can be repeated. */
  async relist({ login, amount }: LedgerPayment, from: string, to: string): Promise<void> {
    for (const [key, entry] of [
      [this.keys.payments, `:${login}:${amount}`],
      [this.keys.paymentsOf(login), `:${amount}`],
    ] as const) {
      const ts = await this.#redis.command(["ZSCORE", key, from + entry]);
      if (ts === null) continue;
      await this.#redis.command(["ZADD", key, String(ts), to + entry]);
      await this.#redis.command(["ZREM", key, from + entry]);
    }
  }

  /** A payment that is final can no longer be repeated: its id is forgotten. */
  async forget(id: string): Promise<void> {
    await this.#redis.command(["HDEL", this.keys.openPayments, id]);
  }

  /** `debited|paid|balance:login:amount` by the ids of payments that are not final; those that the ledger does not know are left out. */
  async markers(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const markers = new Map<string, string>();
    for (let i = 0; i < ids.length; i += PAGE) {
      const page = ids.slice(i, i + PAGE);
      const replies = await this.#redis.command(["HMGET", this.keys.openPayments, ...page]);
      for (const [at, id] of page.entries()) {
        const marker = Array.isArray(replies) ? textOf(replies[at]) : "";
        if (marker !== "") markers.set(id, marker);
      }
    }
    return markers;
  }

  /** open-etc-pool's two fields of a pending payment: by them its payer can end what this one has begun. Before the bytes go out. */
  async noteSigned({ login, amount }: LedgerPayment, nonce: number, hash: string): Promise<void> {
    const member = `${login}:${amount}`;
    await this.#redis.pipeline([
      ["HSET", this.keys.pendingNonces, member, nonce],
      ["HSET", this.keys.pendingTransactions, member, hash],
    ]);
  }

  /** They are gone when it is no longer pending, or when its nonce is somebody else's for good. */
  async forgetSigned({ login, amount }: LedgerPayment): Promise<void> {
    const member = `${login}:${amount}`;
    await this.#redis.pipeline([
      ["HDEL", this.keys.pendingNonces, member],
      ["HDEL", this.keys.pendingTransactions, member],
    ]);
  }

  /** Whether one of these transactions is listed as a login's payment. */
  async isPaid(login: string, amount: bigint, hashes: readonly string[]): Promise<boolean> {
    if (hashes.length === 0) return false;
    const listed = await this.#redis.pipeline(
      hashes.map((hash) => ["ZSCORE", this.keys.paymentsOf(login), `${hash}:${amount}`]),
    );
    return listed.some((score) => score !== null);
  }

  /** A login's payments, `txHash:amount`. */
  async listed(login: string): Promise<ReadonlySet<string>> {
    return new Set((await bookMap(this.#redis, this.keys.paymentsOf(login), "zset")).keys());
  }

  /** Whether the pool has ever credited an address. */
  async isLogin(address: string): Promise<boolean> {
    return Number(await this.#redis.command(["EXISTS", this.keys.miner(address)])) > 0;
  }

  async blacklist(): Promise<ReadonlySet<string>> {
    return new Set(textList(await this.#redis.command(["SMEMBERS", this.keys.blacklist])));
  }

  /** `login:amount` of every payment that is pending, by ts. */
  async pending(): Promise<ReadonlyMap<string, string>> {
    return await bookMap(this.#redis, this.keys.pendingPayments, "zset");
  }

  /** Logins with more than this balance, the largest first; of all others only the balance is read. What is no number is told to `wrong`. */
  async payees(above: bigint, wrong: string[]): Promise<Payee[]> {
    const logins = await this.#logins();
    const due: string[] = [];
    for (let i = 0; i < logins.length; i += PAGE) {
      const page = logins.slice(i, i + PAGE);
      const balances = await this.#redis.pipeline(page.map((login) => ["HGET", this.keys.miner(login), "balance"]));
      for (const [at, login] of page.entries()) {
        const balance = textOf(balances[at] ?? "0");
        // What is no amount is named when the rest of the account is read.
        if (!/^-?\d{1,18}$/.test(balance) || BigInt(balance) > above) due.push(login);
      }
    }
    const payees = await this.#read(due, wrong);
    return payees
      .filter(({ balance }) => balance > above)
      .toSorted((a, b) => (a.balance === b.balance ? 0 : a.balance > b.balance ? -1 : 1));
  }

  /** One login as it is now; null where its amounts are none. */
  async payee(login: string): Promise<Payee | null> {
    return (await this.#read([login], []))[0] ?? null;
  }

  /** These logins as they are now; those whose amounts are none are left out. */
  async some(logins: readonly string[]): Promise<Payee[]> {
    return await this.#read(logins, []);
  }

  async #read(logins: readonly string[], wrong: string[]): Promise<Payee[]> {
    const payees: Payee[] = [];
    for (let i = 0; i < logins.length; i += PAGE) {
      const page = logins.slice(i, i + PAGE);
      const replies = await this.#redis.pipeline(
        page.flatMap((login) => [
          ["HMGET", this.keys.miner(login), "balance", "pending", "paid"] as const,
          ["HGET", this.keys.settings(login), "payoutthreshold"] as const,
        ]),
      );
      for (const [at, login] of page.entries()) {
        const payee = payeeOf(login, replies[2 * at], replies[2 * at + 1]);
        if (payee === null) wrong.push(`${this.keys.miner(login)} or its settings hold what is no amount`);
        else payees.push(payee);
      }
    }
    return payees;
  }

  async #logins(): Promise<string[]> {
    const { minerPrefix } = this.keys;
    const logins = (await keysBehind(this.#redis, minerPrefix)).map((key) => key.slice(minerPrefix.length));
    return logins.filter((login) => /^0x[0-9a-f]{40}$/.test(login));
  }
}

/** Why a payment does not end in a ledger that has forgotten it. */
export const UNKNOWN_PAYMENT = "the ledger knows no such payment: it was restored from an older state";

/** Why a login is not paid from a ledger that forgot some of what was paid. */
export const olderLedger = (found: bigint, least: bigint): string =>
  `the ledger says that ${found} Shannon were paid or are pending, the payer knows of ${least}: the ledger was restored from an older state`;

const textOf = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";

function payeeOf(login: string, account: unknown, threshold: unknown): Payee | null {
  if (!Array.isArray(account) || threshold instanceof Error) return null;
  const [balance, pending, paid] = account.map((value: unknown) => (value === null ? "0" : textOf(value)));
  if (![balance, pending, paid].every((value) => value !== undefined && /^-?\d{1,18}$/.test(value))) return null;
  const own = payoutThresholdOf(threshold);
  const open = BigInt(pending ?? 0);
  return { login, balance: BigInt(balance ?? 0), pending: open, gone: open + BigInt(paid ?? 0), threshold: own };
}

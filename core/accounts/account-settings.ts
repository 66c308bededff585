import * as v from "valibot";
import { Cached } from "../api/cached.ts";
import { parseInteger } from "../api/json.ts";
import { isUnreachable, RedisReplyError, type RedisPort } from "../ledger/contract/redis-port.ts";
import type { PoolConfig } from "../pool-config.ts";
import type { MinerTerms } from "../notifications/notifications-config.ts";
import { minerWebhookKey } from "../notifications/http-forms.ts";
import { parseTargets, targetProblem } from "../notifications/targets.ts";
import { chainIdOf } from "../work/chain-identity.ts";
import type { NodeRpc } from "../work/node-rpc.ts";
import { checkPersonalSign } from "./personal-sign.ts";
import { SettingsBooks } from "./settings-books.ts";
import { KEEP_AND_TEST, parseSettings, type MinerSettings, type SettingsMessage } from "./settings-message.ts";

/** `/api/accounts/<login>/settings`: what is set, and what a new message has to say. */
export interface SettingsBody {
  /** The pool's host as it was asked for them, which a message has to name. */
  readonly pool: string;
  /** Shannon; null: the pool's. */
  readonly payoutThreshold: number | bigint | null;
  readonly solo: boolean;
  readonly hidden: boolean;
  /** How many targets it has where it is told of its rigs. Which they are is nobody's business. */
  readonly notifications: number;
  /** Of the next change. */
  readonly nonce: number;
  /** EIP-155; null where the pool does not know its own: then nothing can be changed. */
  readonly chainId: number | null;
  /** The pool's time now, Unix seconds, and how far ahead of it a message may expire. */
  readonly now: number;
  readonly longestS: number;
  /** What can be chosen here. */
  readonly offers: {
    readonly payoutThreshold: number | bigint | null;
    readonly solo: boolean;
    readonly notifications: boolean;
  };
}

/** Why a change is refused. */
export type SettingsRefusal =
  | "malformed"
  | "wrong_pool"
  | "wrong_chain"
  | "other_login"
  | "expired"
  | "expires_too_late"
  | "replayed"
  | "nonce_ahead"
  | "high_s"
  | "bad_signature"
  | "threshold_too_low"
  | "no_payouts"
  | "no_solo"
  | "no_notifications"
  | "bad_target"
  | "unavailable";

/** How a change ended. */
export type SettingsOutcome =
  | {
      readonly ok: true;
      readonly settings: SettingsBody;
      /** For whoever has just signed: the key that signs what comes to its webhooks. Left out where webhooks are not signed. */
      readonly webhookKey?: string;
    }
  | { readonly ok: false; readonly refused: SettingsRefusal; readonly reason: string };

/** What the pool lets a miner choose. */
export interface SettingsTerms {
  readonly coin: string;
  readonly chainId: number | null;
  /** Shannon; null where this pool pays nobody. */
  readonly poolThreshold: bigint | null;
  /** A node hands out solo work to those who choose it. */
  readonly soloOffered: boolean;
  /** Null: miners are told of nothing. */
  readonly notifications: MinerTerms | null;
  /** However many ask: they are read anew after this long, or when they were changed. */
  readonly shownForMs: number;
}

/** @param config of the pool */
export const settingsTerms = ({
  coin,
  chain,
  chainId,
  payer,
  api,
  work,
  notifications,
}: PoolConfig): SettingsTerms => ({
  coin,
  chainId: chainIdOf(chain.name) ?? chainId,
  poolThreshold: payer?.settings.threshold ?? null,
  soloOffered: work.soloUpstreams.length > 0,
  notifications: notifications?.minerTerms ?? null,
  shownForMs: api.statsCollectIntervalMs,
});

export interface AccountSettingsDeps {
  readonly redis: RedisPort;
  readonly nodes: readonly NodeRpc[];
  readonly nowMs: () => number;
  /** While the operator has paused the pool nothing is written. */
  readonly paused: () => Promise<boolean>;
  /** What the miner has signed about notifications is in the ledger. Not waited for, and must not throw. @param test to be sent now */
  readonly notified: (test: boolean, pool: string) => void;
}

/** A message is for now: whoever finds an old one, and a ledger that was restored from before it, cannot use it. */
const LONGEST_S = 3_600;

const request = v.strictObject({ message: v.string(), signature: v.string() });

/** One login's settings: read by everybody, changed by whoever can sign for the address. */
export class AccountSettings {
  readonly #terms: SettingsTerms;
  readonly #login: string;
  readonly #deps: AccountSettingsDeps;
  readonly #books: SettingsBooks;
  #shown: Cached<Stored>;

  /** @param login lower-case `0x` address */
  constructor(terms: SettingsTerms, login: string, deps: AccountSettingsDeps) {
    this.#terms = terms;
    this.#login = login;
    this.#deps = deps;
    this.#books = new SettingsBooks(deps.redis, terms.coin, login);
    this.#shown = this.#fresh();
  }

  /** As they were a moment ago. @param pool the host that was asked, lower case @throws as the ledger does */
  async shown(pool: string): Promise<SettingsBody> {
    return { pool, ...(await this.#shown.get(this.#deps.nowMs())) };
  }

  #fresh(): Cached<Stored> {
    return new Cached(() => this.#read(), this.#terms.shownForMs);
  }

  async #read(): Promise<Stored> {
    const { payoutThreshold, nonce, hidden, solo, notifications } = await this.#books.read();
    const { chainId, poolThreshold, soloOffered, notifications: told } = this.#terms;
    return {
      payoutThreshold: whole(payoutThreshold),
      solo,
      hidden,
      notifications: parseTargets(notifications)?.length ?? 0,
      nonce: nonce + 1,
      chainId,
      now: this.#nowS(),
      longestS: LONGEST_S,
      offers: { payoutThreshold: whole(poolThreshold), solo: soloOffered, notifications: told !== null },
    };
  }

  /**
   * Carries out what the miner has signed.
   * @param body of the POST: `{ "message", "signature" }` @param pool as {@link shown} takes it
   */
  async change(body: string, pool: string): Promise<SettingsOutcome> {
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), request), body);
    if (!parsed.success) return refused("malformed", 'wanted { "message": "…", "signature": "0x…" }');
    const { message: text, signature } = parsed.output;
    const read = parseSettings(text);
    if (!read.ok) return refused("malformed", `message: ${read.reason}`);
    const { message } = read;
    const wrong = this.#foreign(message, pool) ?? this.#untimely(message) ?? this.#notOffered(message);
    if (wrong !== null) return wrong;
    try {
      const { nonce } = await this.#books.read();
      if (message.nonce > nonce + 1) return refused("nonce_ahead", `the next nonce is ${nonce + 1}`);
      if (message.nonce <= nonce) return replayed(nonce);
      const found = await checkPersonalSign(text, signature, this.#login, this.#deps.nodes);
      if (found.kind === "unavailable") return refused("unavailable", found.reason);
      if (found.kind === "refused") return refused(found.by, found.reason);
      // Asked at last: a node may have taken its time, and once the pool says that it is paused nothing is written.
      if (await this.#deps.paused()) return refused("unavailable", "the operator has paused the pool");
      const done = await this.#books.write(message, message.nonce, this.#terms.soloOffered);
      this.#shown = this.#fresh();
      return done ? await this.#done(message, pool) : replayed(message.nonce);
    } catch (error) {
      if (isUnreachable(error)) return refused("unavailable", "the ledger cannot be asked now");
      // What else holds the key is the operator's to mend.
      if (error instanceof RedisReplyError) return refused("unavailable", `the ledger refuses it: ${error.message}`);
      throw error;
    }
  }

  async #done({ notifications }: SettingsMessage, pool: string): Promise<SettingsOutcome> {
    const targets = parseTargets(notifications);
    const told = this.#terms.notifications;
    if (told !== null && (targets !== null || notifications === KEEP_AND_TEST))
      this.#deps.notified(notifications === KEEP_AND_TEST, pool);
    const settings = await this.shown(pool);
    return told !== null && targets?.some(({ kind }) => kind === "webhook") === true
      ? { ok: true, settings, webhookKey: minerWebhookKey(told.key, this.#login) }
      : { ok: true, settings };
  }

  #foreign({ pool, chainId, login }: SettingsMessage, host: string): SettingsOutcome | null {
    const own = this.#terms.chainId;
    if (pool !== host) return refused("wrong_pool", `it is for ${pool}, and this is ${host}`);
    if (own === null)
      return refused("wrong_chain", "the pool's chain has no chain id: its operator has to set chain.chainId");
    if (chainId !== own) return refused("wrong_chain", `it is for chain ${chainId}, and this is ${own}`);
    return login === this.#login ? null : refused("other_login", `it is of ${login}, and this is ${this.#login}`);
  }

  #untimely({ expires }: SettingsMessage): SettingsOutcome | null {
    const nowS = this.#nowS();
    if (expires <= nowS) return refused("expired", `it expired ${nowS - expires} s ago`);
    const aheadS = expires - nowS;
    return aheadS <= LONGEST_S
      ? null
      : refused("expires_too_late", `it expires in ${aheadS} s: at most ${LONGEST_S} s are allowed`);
  }

  #notOffered({ payoutThreshold: own, solo, notifications }: MinerSettings): SettingsOutcome | null {
    const { poolThreshold, soloOffered } = this.#terms;
    const target = this.#badTarget(notifications);
    if (target !== null) return target;
    if (own !== null && poolThreshold === null) return refused("no_payouts", "this pool does not pay by itself");
    if (own !== null && poolThreshold !== null && own < poolThreshold)
      return refused(
        "threshold_too_low",
        `the pool's threshold is ${poolThreshold} Shannon, and a miner's at least that`,
      );
    return solo && !soloOffered ? refused("no_solo", "this pool has no node for solo work") : null;
  }

  #badTarget(notifications: string): SettingsOutcome | null {
    const told = this.#terms.notifications;
    const targets = parseTargets(notifications) ?? [];
    if (targets.length > 0 && told === null)
      return refused(
        "no_notifications",
        "this pool tells miners of nothing: its operator has to set notifications.miners",
      );
    for (const { kind, to } of targets) {
      const problem = targetProblem(kind, to, told?.local ?? false) ?? told?.missing(kind) ?? null;
      if (problem !== null) return refused("bad_target", `${kind}: allowed is ${problem}`);
    }
    return null;
  }

  #nowS(): number {
    return Math.floor(this.#deps.nowMs() / 1000);
  }
}

type Stored = Omit<SettingsBody, "pool">;

const whole = (shannon: bigint | null): number | bigint | null =>
  shannon === null ? null : parseInteger(String(shannon));

const refused = (by: SettingsRefusal, reason: string): SettingsOutcome => ({ ok: false, refused: by, reason });

const replayed = (nonce: number): SettingsOutcome =>
  refused("replayed", `nonce ${nonce} has been used: ask for the settings anew, and sign again`);

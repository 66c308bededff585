import { PausableLedger } from "../core/admin/pause.ts";
import { encodePayment } from "../core/payouts/payer/payment.ts";
import { Payer as PaymentPayer } from "../core/payouts/payer/payer.ts";
import { type PayoutCommand, type PayoutOutcome, runCommand } from "../core/payouts/payer/payer-commands.ts";
import type { PayerConfig } from "../core/payouts/payer/payer-config.ts";
import { PayerLoop } from "../core/payouts/payer/payer-loop.ts";
import { type PayerStatus, type WaitingPayment, emptyStatus } from "../core/payouts/payer/payer-status.ts";
import type { MendPage } from "../core/payouts/payer/mend-all.ts";
import type { NonceAudit } from "../core/payouts/payer/audit-nonces.ts";
import type { PayoutProgress, WalletView } from "../core/payouts/payer/payer-view.ts";
import type { PlannedPayment } from "../core/payouts/payer/plan-preview.ts";
import { keySigner, noSigner, type PaymentSigner, remoteSigner } from "../core/payouts/payer/signer.ts";
import { createNodeRpc } from "../core/work/node-rpc.ts";
import type { Env } from "./env.ts";
import { PoolObject } from "./pool-object.ts";
import { loadConfig } from "./platform/config.ts";
import { httpPost } from "./platform/http-post.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { partLog } from "./platform/part-log.ts";
import { pauseFlag } from "./platform/pause-flag.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import type { PayerRpc } from "./rpc.ts";
import { atHome } from "./platform/at-home.ts";

const ACCOUNT = "account";
const NO_KEY =
  "the script that pays has neither PAYOUT_PRIVATE_KEY nor PAYOUT_SIGNER_URL (npm run secret -- PAYOUT_PRIVATE_KEY)";

/** Pays out of one account: see `core/payouts/payer/payer.ts`. One object an account, `idFromName(account)`; every call says which. */
export class Payer extends PoolObject implements PayerRpc {
  readonly #ledger: PausableLedger;
  readonly #storage: DurableObjectStorage;
  readonly #env: Env;
  #parts: { readonly payer: PaymentPayer; readonly loop: PayerLoop } | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#storage = ctx.storage;
    this.#env = env;
    this.#ledger = new PausableLedger(ledgerClient(env, loadConfig(env)), pauseFlag(ctx.storage));
  }

  async guard(account: string): Promise<void> {
    await this.#of(account)?.loop.guard();
  }

  async run(account: string): Promise<void> {
    await this.#of(account)?.loop.run();
  }

  async pause(paused: boolean): Promise<void> {
    await this.#ledger.pause(paused);
  }

  async status(account: string): Promise<PayerStatus> {
    return this.#of(account)?.payer.status() ?? emptyStatus(account);
  }

  async progress(account: string, login: string | null): Promise<PayoutProgress | null> {
    return this.#of(account)?.payer.progress(login) ?? null;
  }

  async wallet(account: string): Promise<WalletView | null> {
    return (await this.#of(account)?.payer.wallet()) ?? null;
  }

  async auditNonces(account: string, from: number | null): Promise<NonceAudit | string> {
    return (await this.#of(account)?.payer.auditNonces(from)) ?? "payments are switched off";
  }

  async plan(account: string): Promise<PlannedPayment[]> {
    return (await this.#of(account)?.payer.preview()) ?? [];
  }

  async waiting(account: string): Promise<WaitingPayment[]> {
    return this.#of(account)?.payer.waiting() ?? [];
  }

  async mendPage(account: string, after: string | null, writes: boolean): Promise<MendPage | string> {
    const parts = this.#of(account);
    if (parts === null) return "payments are switched off";
    const page = await parts.loop.exclusive(() => parts.payer.mendPage(after, writes));
    if (writes) await this.#storage.setAlarm(Date.now());
    return page;
  }

  async show(account: string, id: number): Promise<string | null> {
    const payment = this.#of(account)?.payer.store.find(id) ?? null;
    return payment === null ? null : encodePayment(payment);
  }

  async command(account: string, command: PayoutCommand): Promise<PayoutOutcome> {
    const parts = this.#of(account);
    if (parts === null) return { ok: false, message: "payments are switched off" };
    const outcome = await parts.loop.exclusive(() => runCommand(parts.payer, command));
    await this.#storage.setAlarm(Date.now());
    return outcome;
  }

  override async alarm(): Promise<void> {
    const account = this.#storage.kv.get<string>(ACCOUNT);
    if (account !== undefined) await this.#of(account)?.loop.tick();
  }

  /** Null while payments are switched off. */
  #of(account: string) {
    const config = loadConfig(this.#env).payer;
    if (config === null) return null;
    if (this.#storage.kv.get<string>(ACCOUNT) === undefined) this.#storage.kv.put(ACCOUNT, account);
    this.#parts ??= this.#build(account, config);
    return this.#parts;
  }

  #build(account: string, config: PayerConfig) {
    const env = this.#env;
    const { coin, unlocker, work } = loadConfig(env);
    const log = partLog(env, "payer");
    const retired = config.settings.account !== account;
    const payer = new PaymentPayer({
      sql: sqlPort(this.#storage),
      redis: this.#ledger,
      coin,
      nodes: work.upstreams.map((upstream) => ({ name: upstream.name, rpc: createNodeRpc(upstream, httpPost) })),
      signer: retired ? noSigner("the account is no longer payouts.address") : signerOf(config),
      settings: { ...config.settings, account },
      retired,
      stopped: async () =>
        unlocker === null ? null : ((await atHome(env, env.UNLOCKER, "main").status())?.pausePayments ?? null),
      nowMs: Date.now,
      randomId: () => crypto.randomUUID().replaceAll("-", ""),
      log,
    });
    const loop = new PayerLoop({
      run: () => payer.run(),
      alarm: { get: () => this.#storage.getAlarm(), set: (atMs) => this.#storage.setAlarm(atMs) },
      intervalMs: config.settings.intervalMs,
      drain: async (other) => {
        if (other !== account) await atHome(env, env.PAYER, other).guard(other);
      },
      nowMs: Date.now,
      log,
    });
    return { payer, loop };
  }
}

function signerOf({ key, signer, settings: { account } }: PayerConfig): PaymentSigner {
  if (key !== null) return keySigner(key, account);
  if (signer === null) return noSigner(NO_KEY);
  return remoteSigner(createNodeRpc(signer.at, httpPost), signer.method, account);
}

/** Secrets that the operator gave; null where there is none. None of them is ever printed. */
export interface DoctorSecrets {
  readonly adminToken: string | null;
  readonly metricsToken: string | null;
  readonly notifyToken: string | null;
  readonly redisToken: string | null;
  readonly redisReadToken: string | null;
  readonly bridgeToken: string | null;
}

/** A Redis of Upstash's protocol, as the pool is given it. */
export interface LedgerAddress {
  readonly url: string;
  readonly token: string;
  /** Of Upstash's developer API, which alone tells plan, region and eviction; null: not given. */
  readonly account: { readonly email: string; readonly key: string; readonly api: string } | null;
}

/** What is examined, and with what. */
export interface DoctorOptions {
  /** Origin of the pool, without a slash at its end. */
  readonly pool: string;
  readonly secrets: DoctorSecrets;
  readonly ledger: LedgerAddress | null;
  /** A node as the pool reaches it; null: the pool's word is taken. */
  readonly node: {
    readonly url: string;
    /** As in `upstream`; null where there is one node. */
    readonly name: string | null;
    readonly headers: Readonly<Record<string, string>>;
  } | null;
  /** Address that the checks mine as. No valid share is handed in, so the pool credits it nothing and keeps nothing of it for long. */
  readonly login: string;
  /** How long one answer may take. */
  readonly timeoutMs: number;
  /** How long to wait for cron to be seen; it comes every minute. */
  readonly cronPatienceMs: number;
  readonly nowMs: () => number;
}

/** Never credited: nobody has its key, and the doctor hands in no valid share. */
export const DOCTOR_LOGIN = `0x${"d0c7".repeat(10)}`;

/** A node that the pool works with, in the operator's order. */
export interface UpstreamConfig {
  /** Name in logs, `/health` and `eth:nodes`. */
  readonly name: string;
  /** JSON-RPC endpoint, http or https, without credentials. */
  readonly url: string;
  readonly timeoutMs: number;
  /** Request headers with credentials (basic, Cloudflare Access); secret, never logged. */
  readonly secretHeaders: Readonly<Record<string, string>>;
}

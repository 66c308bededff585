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

/** The header of HTTP's basic authentication, UTF-8 (RFC 7617); none where name and password are empty. */
export function basicAuth(username: string, password: string): Record<string, string> {
  if (username === "" && password === "") return {};
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return { authorization: `Basic ${btoa(String.fromCodePoint(...bytes))}` };
}

import { type Client, clientOf, vouchedClient } from "../core/policy/client.ts";
import { sameSecret } from "../durable-objects/platform/same-secret.ts";

/** Headers, and for byte pipes that can set none the query, by which a bridge vouches for the miner behind a connection. */
const TOKEN = { header: "edgepool-bridge-token", query: "bridgeToken" } as const;
const MINER = { header: "edgepool-miner", query: "miner" } as const;

/** Whose request it is. `CF-Connecting-IP` only: Cloudflare sets it, while X-Forwarded-For is whatever the client likes. */
export function clientIp(request: Request): Client {
  return clientOf(request.headers.get("cf-connecting-ip") ?? "0.0.0.0");
}

/**
 * The same for miners, who may come through a bridge. A bridge that
 * shows the pool's `BRIDGE_TOKEN` may say which of its miners it is; each is then judged by itself.
 * @param login of the URL: names the miner where the bridge does not
 * @returns null for a token that is wrong: a bridge that is mistaken must not find its miners judged as one
 */
export async function clientOfRequest(
  request: Request,
  bridgeToken: string | null,
  login: string,
): Promise<Client | null> {
  const client = clientIp(request);
  const { searchParams } = new URL(request.url);
  const said = ({ header, query }: typeof TOKEN | typeof MINER) =>
    request.headers.get(header) ?? searchParams.get(query) ?? "";
  const token = said(TOKEN);
  if (bridgeToken === null || token === "") return client;
  if (!(await sameSecret(token, bridgeToken))) return null;
  return vouchedClient(client, said(MINER) || login);
}

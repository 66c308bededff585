import type { Agent } from "node:http";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";
import { SocksProxyAgent } from "socks-proxy-agent";
import { BridgeOptionError } from "../options.ts";

/**
 * The agent that connects through a proxy.
 * @param proxy address of the proxy; undefined reads the environment; null means none.
 * @param url what is to be reached, `wss:` or `https:`.
 * @returns undefined where the connection is direct.
 * @throws BridgeOptionError for an address that is no proxy's.
 */
export function proxyAgent(proxy: string | null | undefined, url: string): Agent | undefined {
  // The environment speaks of http and https; a WebSocket begins as one of them.
  const address = proxy === undefined ? getProxyForUrl(url.replace(/^ws/, "http")) : (proxy ?? "");
  if (address === "") return undefined;
  const scheme = /^([a-z0-9]+):\/\/[^/]/i.exec(address)?.[1]?.toLowerCase();
  if (scheme === "http" || scheme === "https") return new HttpsProxyAgent(address, { keepAlive: true });
  if (scheme !== undefined && /^socks(4a?|5h?)?$/.test(scheme))
    return new SocksProxyAgent(address, { keepAlive: true });
  throw new BridgeOptionError(
    "proxy",
    `"${redacted(address)}" is not a proxy; write http://host:port or socks5://host:port`,
  );
}

function redacted(address: string): string {
  return address.replace(/\/\/[^@/]*@/, "//…@");
}

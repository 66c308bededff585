import type { NetworkInterfaceInfo } from "node:os";

/** What `os.networkInterfaces()` gives. */
type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Whether a server that listens there is reached over every address of the machine. */
const isWildcard = (host: string): boolean => WILDCARDS.has(host);

/** Host by which this machine itself reaches a server that listens on `host`. */
export const localHost = (host: string): string => (isWildcard(host) ? "127.0.0.1" : host);

/** A host as it stands in a URL. */
export const inUrl = (host: string): string => (host.includes(":") ? `[${host}]` : host);

/**
 * Hosts by which others reach a server that listens on `host`, never none. For a wildcard these are the machine's IPv4 addresses on its
 * networks, or loopback where it has none; miners' programs take IPv4 all, IPv6 few.
 */
export function reachableHosts(host: string, interfaces: Interfaces): readonly string[] {
  if (!isWildcard(host)) return [host];
  const own = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    // 169.254: what a card gives itself while no network gives it one.
    .filter(({ family, internal, address }) => family === "IPv4" && !internal && !address.startsWith("169.254."))
    .map(({ address }) => address);
  return own.length > 0 ? [...new Set(own)] : ["127.0.0.1"];
}

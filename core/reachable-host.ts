/** Names that no public DNS has, and those that mean the machine itself (RFC 6761, RFC 6762, RFC 8375). */
const LOCAL_SUFFIXES = ["localhost", "local", "internal", "lan", "home.arpa"];

/** True for a host that a Worker can fetch as far as its name tells: no IP address, no name of this machine or of a LAN. */
export function isReachableHost(url: URL): boolean {
  const host = url.hostname.replace(/\.$/, "");
  // The parser has brought every way to write an IPv4 address into this form; IPv6 addresses stand in brackets.
  if (host.startsWith("[") || /^\d+(?:\.\d+){3}$/.test(host)) return false;
  return host.includes(".") && !LOCAL_SUFFIXES.some((suffix) => host.endsWith(`.${suffix}`));
}

/**
 * Who is at the other end, as the guard counts it: an IPv4 address, the /64 of an IPv6 one (a household is given that much or more),
 * or a miner that a trusted bridge vouches for. `guardNameOf` says which object guards it.
 */
export type Client = string;

const LONGEST_NAME = 64;
const GROUPS = 8;

/** @param ip as `CF-Connecting-IP` has it, or what this returns @returns `192.0.2.1` or `2001:db8:0:1::/64`; what is no address stays as it is */
export function clientOf(ip: string): Client {
  const text = ip
    .trim()
    .toLowerCase()
    .replace(/(?<=:.*)\/64$/, "");
  if (!text.includes(":")) return text;
  const mapped = /^(?:0*:)*(?::|0+:)?ffff:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(text)?.[1];
  if (mapped !== undefined) return mapped;
  const groups = groupsOf(text);
  if (groups === null) return text;
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/**
 * A client as an operator writes it.
 * @param text an address, an IPv6 /64, or either with `#` and a bridge's name of a miner @returns null for anything else, other nets included
 */
export function parseClient(text: string): Client | null {
  const [address = "", ...name] = text.split("#");
  const client = clientOf(address);
  if (!isIpv4(client) && !client.endsWith("::/64")) return null;
  return name.length === 0 ? client : vouchedClient(client, name.join("#"));
}

const isIpv4 = (text: string): boolean =>
  /^(?:\d{1,3}\.){3}\d{1,3}$/.test(text) && text.split(".").every((part) => Number(part) <= 255);

/** A miner behind a bridge that has shown its token. @param name what the bridge calls it; empty for the bridge as a whole */
export function vouchedClient(bridge: Client, name: string): Client {
  const clean = name.replaceAll(/[^\w.:-]/g, "").slice(0, LONGEST_NAME);
  return `${bridge}#${clean}`;
}

/** The address part of a client, which the operator's lists name. */
export function addressOf(client: Client): Client {
  return client.split("#", 1)[0] ?? client;
}

/** Whose addresses one party has many of: the /24 of an IPv4 address, the /64 of an IPv6 one. */
export function networkOf(client: Client): string {
  const address = addressOf(client);
  return /^(?:\d{1,3}\.){3}\d{1,3}$/.test(address) ? address.replace(/\d+$/, "0/24") : address;
}

/** The eight groups of an IPv6 address, without leading zeros; null when it is none. */
function groupsOf(text: string): string[] | null {
  const [before = "", after, more] = text.split("::");
  if (more !== undefined) return null;
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  const missing = GROUPS - head.length - tail.length;
  if (after === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array<string>(missing).fill("0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return null;
  return groups.map((group) => group.replace(/^0+(?=.)/, ""));
}

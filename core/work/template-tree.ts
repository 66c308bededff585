import { shardOf } from "../shares/shards.ts";

/** Name of the object that holds the work. */
export const ROOT_NAME = "main";

/** Name of the object that holds the work of solo nodes, where there are some; it has no relays. */
export const SOLO_NAME = "solo";

/** The objects that nodes give work to. */
export function rootNames({ soloUpstreams }: { readonly soloUpstreams: readonly unknown[] }): string[] {
  return soloUpstreams.length > 0 ? [ROOT_NAME, SOLO_NAME] : [ROOT_NAME];
}

/** Most relays that can be configured. */
export const MOST_RELAYS = 256;

export const relayName = (index: number): string => `relay-${index}`;

export const isRelayName = (name: string): boolean => name.startsWith("relay-");

/** The object of class BlockTemplate that a session subscribes at, for common work: the root, or where there are relays always the same one for a login. */
export function templateNameFor(login: string, relays: number): string {
  return relays === 0 ? ROOT_NAME : relayName(shardOf(login, relays));
}

/**
 * Up to so many logins the root calls each. Beyond, a relay that is awake all the time to hold sockets ($4.15 a month) costs less than calls
 * ($0.047 a login and month): docs/decisions/0060-work-by-websocket.md.
 */
const CALLED_BY_THE_ROOT = 100;
/**
 * An object with so many sockets has written a job to all of them after 46 ms; the sockets take 95 MB outside the heap, both ends together
 * (bench/results/fan-out.md).
 */
const LOGINS_A_RELAY = 2_000;

/** As few relays as so many logins need: powers of two, so that few logins move at a time. */
function leastRelays(logins: number): number {
  if (logins <= CALLED_BY_THE_ROOT) return 0;
  return Math.min(MOST_RELAYS, 2 ** Math.ceil(Math.log2(Math.max(1, logins / LOGINS_A_RELAY))));
}

/** How many relays there should be where there are `relays` now: more at once, fewer when half as many logins would do with them. */
export function relaysFor(logins: number, relays: number): number {
  const least = leastRelays(logins);
  if (least > relays) return least;
  return Math.min(relays, leastRelays(2 * logins));
}

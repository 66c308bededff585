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

/**
 * The object of class BlockTemplate that a session subscribes at: the root, or with relays always the same one for a login.
 * @param relays how many there are; 0 for none
 */
export function templateNameFor(login: string, relays: number): string {
  if (relays === 0) return ROOT_NAME;
  return relayName(shardOf(login, relays));
}

/**
 * Which of `shards` objects serves a login: FNV-1a, so that it is the same in every isolate and spreads addresses that differ in
 * a few digits.
 */
export function shardOf(login: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < login.length; index++) {
    hash = Math.imul(hash ^ login.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % shards;
}

/** Name of a verifier's object. @param shard counts from 0 */
export function verifierName(shard: number): string {
  return `shard-${shard}`;
}

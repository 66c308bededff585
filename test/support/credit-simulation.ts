import {
  classDifficulty,
  classesOf,
  classOfPrefix,
  extranoncesOf,
  type DifficultyClass,
  type ShareTerms,
} from "../../core/shares/difficulty-classes.ts";

/** A proof of work as a cheat knows it before it decides where to hand it in. */
interface Found {
  /** Top 24 bits of its nonce. */
  readonly prefix: number;
  /** The greatest difficulty that it meets, in hashes. */
  readonly quality: number;
}

/** What a pool credits for a share that is handed in on a connection which was told `told` hashes as its difficulty. */
export type CreditRule = (share: Found, told: number) => number;

/** The rule of pools whose sessions have difficulties of their own: a share is worth what its connection was told. */
export const byConnection: CreditRule = ({ quality }, told) => (quality >= told ? told : 0);

/** This pool's rule: worth by nonce and header, whatever the connection. */
export function byNonce(terms: ShareTerms): CreditRule {
  const worth = new Map(
    classesOf(terms.classTable).map((each) => [
      each,
      Math.min(Number(classDifficulty(each, terms.poolDifficulty)), Number(terms.networkDifficulty)),
    ]),
  );
  return ({ prefix, quality }) => {
    const needed = worth.get(classOfPrefix(prefix, terms.classTable)) ?? 0;
    return quality >= needed ? needed : 0;
  };
}

/** How a miner uses what it may choose. */
export interface Strategy {
  readonly name: string;
  /** No proof of lower quality is of use to it, in hashes: what is sampled begins there. */
  readonly least: number;
  /** Where it searches next; `random` is uniform in [0, 1). */
  readonly search: (random: () => number, lastCredit: number) => number;
  /** Told difficulties of the connections on which it may hand the share in. It takes the best answer; copies are duplicates. */
  readonly connections: (share: Found) => readonly number[];
}

/** mulberry32: the same numbers on every machine. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Credited hashes over hashed ones. Nothing is hashed: of the results of a search, one in `least` meets the difficulty `least`, and of
 * these one in k meets k times that; so each sample stands for `least` hashes.
 */
export function earned(rule: CreditRule, strategy: Strategy, samples: number, seed: number): number {
  const random = seeded(seed);
  const { least, search, connections } = strategy;
  let credited = 0;
  let last = 0;
  for (let i = 0; i < samples; i++) {
    const share = { prefix: search(random, last), quality: least / (1 - random()) };
    last = 0;
    for (const told of connections(share)) last = Math.max(last, rule(share, told));
    credited += last;
  }
  return credited / (samples * least);
}

/** A nonce prefix of a class, at random. */
function within(wanted: DifficultyClass): (random: () => number) => number {
  const { first, size } = extranoncesOf(wanted);
  return (random) => first + Math.floor(random() * size);
}

const anywhere = (random: () => number) => Math.floor(random() * 2 ** 24);

/** What was done to pools, and to this one before, at a pool difficulty of `pool` hashes (docs/decisions/0035-share-worth.md). */
export function cheats(pool: number): readonly Strategy[] {
  const six = [0, 1, 2, 3, 4, 5].map((level) => pool * 2 ** level);
  const vardiff = [0, 1, 2, 3, 4].map((step) => pool * 8 ** step);
  return [
    { name: "six connections with d= of doubling levels", least: pool, search: anywhere, connections: () => six },
    {
      name: "a new connection for each share, with d= just under what it proves",
      least: pool,
      search: anywhere,
      connections: ({ quality }) => [Math.floor(Math.min(quality, 1e15))],
    },
    {
      name: "five connections that vardiff has brought to five levels",
      least: pool,
      search: anywhere,
      connections: () => vardiff,
    },
    {
      name: "six connections that resume one session, and so have one extranonce",
      least: pool,
      search: within(0),
      connections: () => six,
    },
  ];
}

/** What can be tried where worth goes by nonce: the classes are public, and all that is left to choose is where to search. */
export function searches(pool: number): readonly Strategy[] {
  const one = (name: string, wanted: DifficultyClass): Strategy => ({
    name,
    least: (pool * 2 ** wanted) / 8,
    search: within(wanted),
    connections: () => [pool],
  });
  const all = classesOf(1);
  return [
    ...all.map((each) => one(`only nonces of class ${each}`, each)),
    {
      name: "any class at random",
      least: pool / 64,
      search: (random) => within(all[Math.floor(random() * 5)] ?? 0)(random),
      connections: () => [pool],
    },
    {
      name: "an easy class until a share is found, then a harder one until one is found there",
      least: pool / 64,
      search: (random, last) => within(last > 0 ? -2 : -6)(random),
      connections: () => [pool],
    },
  ];
}

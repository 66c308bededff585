import type { AuditedBooks, Finding } from "./finding.ts";
import { bookMap } from "./scan.ts";

const CHECK = "format of the books";
/** Parts of a member of each list of blocks, as open-ethereum-pool writes it and as its fork open-etc-pool-friends does, with login, difficulty and worker behind. */
const PARTS = {
  candidates: { ours: 6, friends: 9 },
  immature: { ours: 8, friends: 11 },
  matured: { ours: 8, friends: 11 },
} as const;

/**
 * Whose books these are. Pools that descend from open-ethereum-pool keep the same keys; open-etc-pool-friends has put fields and lists of its
 * own into them, with which neither this pool nor the others can go on.
 */
export async function auditFormat({ redis, coin, names, keys }: AuditedBooks): Promise<Finding> {
  const signs = [`${coin}:lastshares`, `${coin}:paymentsTotal`].filter((key) => keys.includes(key));
  let blocks = 0;
  for (const list of ["candidates", "immature", "matured"] as const) {
    if (!keys.includes(names[list])) continue;
    for (const member of (await bookMap(redis, names[list], "zset")).keys()) {
      blocks++;
      if (member.split(":").length === PARTS[list].friends) {
        signs.push(`blocks:${list} has members of ${PARTS[list].friends} parts instead of ${PARTS[list].ours}`);
        break;
      }
    }
  }
  if (signs.length === 0)
    return { check: CHECK, ok: true, detail: `open-ethereum-pool, core-pool, open-etc-pool; ${blocks} blocks` };
  return {
    check: CHECK,
    ok: false,
    detail: `open-etc-pool-friends: ${signs.join(", ")}; this pool cannot go on with them`,
  };
}

import type { ChainPlace, ChainSearch } from "../work/chain-search.ts";

/** What one node says of a block of ours. Only nodes whose chain is deep enough over it are asked. */
export interface NodeTestimony {
  readonly node: string;
  readonly search: ChainSearch;
  /** Why this node's "not in the chain" does not count (it is syncing, it has no peers); null where it does. */
  readonly cannotDeny: string | null;
}

/** What the nodes say together. `open`: nothing can be done for the block now, and why. */
export type Verdict =
  | { readonly kind: "found"; readonly place: ChainPlace; readonly nodes: readonly string[] }
  | { readonly kind: "absent" }
  | { readonly kind: "open"; readonly reason: string };

const open = (reason: string): Verdict => ({ kind: "open", reason });

/**
 * Before maturity one node that has the block is enough. "Not in the chain" needs a node that may deny it, and no other that has it.
 * At maturity, what is decided becomes money: nodes that know different chains stop the block until they agree, and before an orphan
 * is booked for good every node is waited for.
 * @param strict at maturity
 * @param patient a node without an answer is waited for before a denial is believed
 */
export function judge(
  testimonies: readonly NodeTestimony[],
  { strict, patient }: { readonly strict: boolean; readonly patient: boolean },
): Verdict {
  const problems: string[] = [];
  const places: { readonly node: string; readonly place: ChainPlace }[] = [];
  const denials: { readonly node: string; readonly hash: string }[] = [];
  let silent = false;
  for (const { node, search, cannotDeny } of testimonies) {
    if (search.kind === "found") places.push({ node, place: search.place });
    else if (search.kind === "error") {
      silent = true;
      problems.push(`${node}: ${search.reason}`);
    } else if (cannotDeny === null) denials.push({ node, hash: search.hash });
    else problems.push(`${node} does not have the block, but ${cannotDeny}`);
  }
  const [first] = places;
  if (first !== undefined) {
    const dispute = strict ? disputeOf(places, denials) : null;
    const nodes = places.filter(({ place }) => samePlace(place, first.place)).map(({ node }) => node);
    return dispute === null ? { kind: "found", place: first.place, nodes } : open(dispute);
  }
  const [denial] = denials;
  if (denial === undefined) return open(problems.join("; ") || "no node knows the chain that far");
  const other = strict ? denials.find(({ hash }) => hash !== denial.hash) : undefined;
  if (other !== undefined) return open(`${denial.node} and ${other.node} are on different chains at this height`);
  if (patient && silent) return open(`not in the chain of ${denial.node}; waiting for ${problems.join("; ")}`);
  return { kind: "absent" };
}

function samePlace(a: ChainPlace, b: ChainPlace): boolean {
  return a.height === b.height && a.including.hash === b.including.hash;
}

function disputeOf(
  places: readonly { readonly node: string; readonly place: ChainPlace }[],
  denials: readonly { readonly node: string }[],
): string | null {
  const [first] = places;
  if (first === undefined) return null;
  const elsewhere = places.find(({ place }) => !samePlace(place, first.place));
  if (elsewhere !== undefined)
    return `${first.node} has it in block ${first.place.height} (${first.place.including.hash}), ${elsewhere.node} in block ${elsewhere.place.height} (${elsewhere.place.including.hash})`;
  const [denial] = denials;
  return denial === undefined ? null : `${first.node} has the block in its chain, ${denial.node} does not`;
}

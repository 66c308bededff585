import { meetsTarget, targetOf } from "@edgepool/ethash-wasm";
import { shareWorth, type ShareTerms } from "../../shares/difficulty-classes.ts";
import { complaints, type AuditedBooks, type Finding } from "./finding.ts";
import { bookEntries } from "./scan.ts";

/** What credits are reckoned by. */
export interface WorthTerms extends ShareTerms {
  /** Two Keccaks: where a mix digest leads, 32 bytes. */
  readonly resultOf: (header: string, nonce: string, mixDigest: string) => Uint8Array;
}

/**
 * Credits against nonces, as far as `pow` holds them (eight heights): each proof leads below the target of what it is worth, and there are as
 * many credits of that worth as proofs. Only for books whose last heights were all mined under these terms.
 */
export async function auditWorth({ redis, names, keys }: AuditedBooks, terms: WorthTerms): Promise<Finding[]> {
  const wrong: string[] = [];
  const proofs = new Map<string, number>();
  let members = 0;
  for await (const page of bookEntries(redis, names.pow, "zset")) {
    for (const [member = ""] of page) {
      const [nonce = "", header = "", mixDigest = ""] = member.split(":");
      const worth = shareWorth(nonce.slice(2), terms);
      if (!meetsTarget(terms.resultOf(header, nonce, mixDigest), targetOf(worth)))
        wrong.push(`${nonce} of ${header.slice(0, 18)}… does not meet ${worth}`);
      proofs.set(String(worth), (proofs.get(String(worth)) ?? 0) + 1);
      members += 1;
    }
  }
  const credits = new Map<string, number>();
  // In the logins' own sets: in the common one those of some minutes ago may be sums.
  for (const key of keys) {
    if (!key.startsWith(names.hashratePrefix)) continue;
    for await (const page of bookEntries(redis, key, "zset")) {
      for (const [member = ""] of page) {
        const diff = member.split(":", 1)[0] ?? "";
        credits.set(diff, (credits.get(diff) ?? 0) + 1);
      }
    }
  }
  for (const [worth, count] of proofs) {
    const credited = credits.get(worth) ?? 0;
    if (credited < count) wrong.push(`${count} proofs are worth ${worth}, and ${credited} credits are of that`);
  }
  return [complaints("credits are what their nonces are worth", `${members} proofs`, wrong)];
}

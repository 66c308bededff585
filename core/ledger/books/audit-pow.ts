import { ledgerKeys } from "../contract/keys.ts";
import { complaints, type AuditedBooks, type Finding } from "./finding.ts";
import { bookEntries } from "./scan.ts";

const MEMBER = /^0x[0-9a-f]{16}:0x[0-9a-f]{64}:0x[0-9a-f]{64}$/;

/** A set holds no member twice, but one nonce and header under two spellings or with two mix digests is one share credited twice. */
export async function auditPow({ redis, coin }: AuditedBooks): Promise<Finding[]> {
  const seen = new Map<string, string>();
  const members = new Set<string>();
  const wrong: string[] = [];
  for await (const page of bookEntries(redis, ledgerKeys(coin).pow, "zset")) {
    for (const [member = "", height = ""] of page) {
      members.add(member);
      if (!MEMBER.test(member)) wrong.push(`"${member.slice(0, 60)}" is no lower-case nonce:powHash:mixDigest`);
      if (!/^\d+$/.test(height)) wrong.push(`${member.slice(0, 30)}… has the height ${height}`);
      const work = member.toLowerCase().split(":").slice(0, 2).join(":");
      const before = seen.get(work);
      if (before !== undefined && before !== member) wrong.push(`${work.slice(0, 40)}… is there twice`);
      seen.set(work, member);
    }
  }
  return [complaints("no share is in pow twice", `${members.size} members`, wrong)];
}

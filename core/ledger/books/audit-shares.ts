import { COMMON_FOLD, STRETCH_S } from "../write-path/hashrate-folds.ts";
import { complaints, type AuditedBooks, type Finding } from "./finding.ts";
import { bookEntries, bookMap } from "./scan.ts";

const MEMBER = /^0x[0-9a-f]{16}:0x[0-9a-f]{64}:0x[0-9a-f]{64}$/;

/** A set holds no member twice, but one nonce and header under two spellings or with two mix digests is one share credited twice. */
export async function auditPow({ redis, names }: AuditedBooks): Promise<Finding[]> {
  const seen = new Map<string, string>();
  const members = new Set<string>();
  const wrong: string[] = [];
  for await (const page of bookEntries(redis, names.pow, "zset")) {
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

/**
 * Every entry of `hashrate` stands in its login's own set and the other way round, as far back as both reach; where one of the two has sums, each
 * worker has the same in both, in each stretch of time that one entry may stand for.
 */
export async function auditHashrate({ redis, names, keys }: AuditedBooks): Promise<Finding[]> {
  const wrong: string[] = [];
  /** login -> its entries in the common set, as its own set has them */
  const common = new Map<string, Map<string, string>>();
  let oldestCommon = Infinity;
  let entries = 0;
  for await (const page of bookEntries(redis, names.hashrate, "zset")) {
    for (const [member = "", ts = ""] of page) {
      const [diff, login = "", worker, ms, ...rest] = member.split(":");
      if (ms === undefined || rest.length > 0) {
        wrong.push(`"${member.slice(0, 60)}" is no diff:login:id:ms`);
        continue;
      }
      const own = common.get(login) ?? new Map<string, string>();
      common.set(login, own);
      own.set(`${diff}:${worker}:${ms}`, ts);
      oldestCommon = Math.min(oldestCommon, Number(ts));
      entries += 1;
    }
  }
  const folds = await bookMap(redis, names.folds, "hash");
  const logins = new Set(common.keys());
  for (const key of keys) if (key.startsWith(names.hashratePrefix)) logins.add(key.slice(names.hashratePrefix.length));
  for (const login of logins) {
    const own = await bookMap(redis, names.hashrateOf(login), "zset");
    // The sets are purged at different times; a login's own may have expired as a whole.
    const oldestOwn = oldest(own.values());
    const shared = common.get(login) ?? new Map<string, string>();
    // Older ones are sums, in this set or in that.
    const single = Math.max(...[login, COMMON_FOLD.name].map((name) => Number(folds.get(name) ?? -Infinity)));
    for (const [member, ts] of shared)
      if (Number(ts) > oldestOwn && Number(ts) >= single && own.get(member) !== ts)
        wrong.push(`${member} of ${login} is not in its own set`);
    for (const [member, ts] of own)
      if (Number(ts) > oldestCommon && Number(ts) >= single && shared.get(member) !== ts)
        wrong.push(`${member} of ${login} is not in hashrate`);
    const since = Math.max(oldestOwn, oldestCommon);
    const [mine, theirs] = [own, shared].map((entriesOf) => stretches(entriesOf, since, single));
    for (const name of new Set([...(mine?.keys() ?? []), ...(theirs?.keys() ?? [])]))
      if (mine?.get(name) !== theirs?.get(name))
        wrong.push(
          `${name} of ${login}: ${mine?.get(name) ?? 0n} in its own set, ${theirs?.get(name) ?? 0n} in hashrate`,
        );
  }
  return [complaints("hashrate and the logins' own sets", `${entries} entries of ${logins.size} logins`, wrong)];
}

/** Sums by worker and stretch, of the stretches that begin after one ts and before another. */
function stretches(entries: ReadonlyMap<string, string>, after: number, before: number): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const [member, ts] of entries) {
    const begin = Math.floor(Number(ts) / STRETCH_S) * STRETCH_S;
    const [difficulty = "", worker = ""] = member.split(":");
    if (begin <= after || begin >= before || !/^\d+$/.test(difficulty)) continue;
    const name = `${worker} from ts ${begin} on`;
    sums.set(name, (sums.get(name) ?? 0n) + BigInt(difficulty));
  }
  return sums;
}

function oldest(scores: Iterable<string>): number {
  let result = Infinity;
  for (const score of scores) result = Math.min(result, Number(score));
  return result;
}

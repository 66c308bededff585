import { ledgerKeys } from "../contract/keys.ts";
import { complaints, type AuditedBooks, type Finding } from "./finding.ts";
import { bookEntries, bookMap } from "./scan.ts";

/** Every entry of `hashrate` stands in its login's own set and the other way round, as far back as both reach. */
export async function auditHashrate({ redis, coin, keys }: AuditedBooks): Promise<Finding[]> {
  const names = ledgerKeys(coin);
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
  const logins = new Set(common.keys());
  const prefix = names.hashrateOf("");
  for (const key of keys) if (key.startsWith(prefix)) logins.add(key.slice(prefix.length));
  for (const login of logins) {
    const own = await bookMap(redis, names.hashrateOf(login), "zset");
    // The sets are purged at different times; a login's own may have expired as a whole.
    const oldestOwn = oldest(own.values());
    const shared = common.get(login) ?? new Map<string, string>();
    for (const [member, ts] of shared)
      if (Number(ts) > oldestOwn && own.get(member) !== ts) wrong.push(`${member} of ${login} is not in its own set`);
    for (const [member, ts] of own)
      if (Number(ts) > oldestCommon && shared.get(member) !== ts)
        wrong.push(`${member} of ${login} is not in hashrate`);
  }
  return [complaints("hashrate and the logins' own sets", `${entries} entries of ${logins.size} logins`, wrong)];
}

function oldest(scores: Iterable<string>): number {
  let result = Infinity;
  for (const score of scores) result = Math.min(result, Number(score));
  return result;
}

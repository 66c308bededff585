import { RedisUnreachableError, type RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import { bookKeys, bookMap } from "../../../core/ledger/books/scan.ts";

/** What does not add up in the books of a pool whose account keys are all in order; empty when everything does. */
export async function wrongSums(redis: RedisPort): Promise<string[]> {
  const keys = await bookKeys(redis, "eth");
  const finances = await bookMap(redis, "eth:finances", "hash");
  const owed = await bookMap(redis, "eth:unlocker:owed", "hash");
  const sums = { immature: 0n, balance: 0n, given: 0n, provisional: 0n };
  for (const key of keys) {
    if (key.startsWith("eth:miners:")) {
      const account = await bookMap(redis, key, "hash");
      sums.immature += BigInt(account.get("immature") ?? "0");
      sums.balance += BigInt(account.get("balance") ?? "0");
    }
    if (/^eth:credits:(immature:)?\d+:/.test(key)) {
      const credits = await bookMap(redis, key, "hash");
      const total = [...credits.values()].reduce((sum, value) => sum + BigInt(value), 0n);
      if (key.startsWith("eth:credits:immature:")) sums.provisional += total;
      else sums.given += total;
    }
  }
  const wrong: string[] = [];
  const same = (what: string, a: bigint, b: bigint): void => {
    if (a !== b) wrong.push(`${what}: ${a} and ${b}`);
  };
  const owing = (field: string): bigint =>
    [...owed].reduce((sum, [name, value]) => (name.endsWith(`:${field}`) ? sum + BigInt(value) : sum), 0n);
  same("immature, by accounts and by finances", sums.immature, BigInt(finances.get("immature") ?? "0"));
  same("balance, by accounts and by finances", sums.balance, BigInt(finances.get("balance") ?? "0"));
  same("immature, by credits and by accounts", sums.provisional, sums.immature + owing("immature"));
  same("balance, by credits and by accounts", sums.given, sums.balance + owing("balance"));
  return wrong;
}

/** A ledger that is lost at one of its requests: `before` it is carried out, or `after`, when only the answer is lost. It stays lost. */
export function dyingLedger(
  redis: RedisPort,
  at: number,
  when: "before" | "after",
): RedisPort & { readonly requests: number } {
  let requests = 0;
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    requests += 1;
    const lost = new RedisUnreachableError("redis: the connection broke", "unknown");
    if (requests > at || (requests === at && when === "before")) throw lost;
    const value = await work();
    if (requests === at) throw lost;
    return value;
  };
  return {
    command: (command) => guard(() => redis.command(command)),
    pipeline: (commands) => guard(() => redis.pipeline(commands)),
    get requests() {
      return requests;
    },
  };
}

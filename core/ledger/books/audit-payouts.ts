import { agree, complaints, sum, type AuditedBooks, type Finding } from "./finding.ts";
import { bookEntries, bookMap } from "./scan.ts";

const BALANCES = ["balance", "immature", "pending", "paid"] as const;
type Balances = Record<(typeof BALANCES)[number], bigint>;

/** What the unlocker and the payouts module keep: the pool's finances against the miners' balances, credits and payments. Shannon. */
export async function auditPayouts(books: AuditedBooks): Promise<Finding[]> {
  const { redis, names, keys } = books;
  const wrong: string[] = [];
  const totals: Balances = { balance: 0n, immature: 0n, pending: 0n, paid: 0n };
  for (const key of keys) {
    if (!key.startsWith(names.minerPrefix)) continue;
    const login = key.slice(names.minerPrefix.length);
    const miner = await bookMap(redis, key, "hash");
    for (const field of BALANCES) totals[field] += sum([[`${key} ${field}`, miner.get(field) ?? "0"]], wrong);
    const paid = await amounts(books, names.paymentsOf(login), 1, wrong);
    if (keys.includes(names.paymentsOf(login)) && String(paid) !== (miner.get("paid") ?? "0"))
      wrong.push(`${login} was paid ${paid} by its payments, ${miner.get("paid") ?? "0"} by its account`);
  }
  const finances = await bookMap(redis, names.finances, "hash");
  const findings = BALANCES.map((field) =>
    agree(
      `finances: ${field}`,
      totals[field],
      `the sum of the miners' ${field}`,
      sum([[`finances ${field}`, finances.get(field) ?? "0"]], wrong),
      `finances ${field}`,
    ),
  );
  const all = await amounts(books, names.payments, 2, wrong);
  const twice = await differentPayments(books);
  const pending = await amounts(books, names.pendingPayments, 1, wrong);
  return [
    ...findings,
    agree("payments", all, "the sum of payments:all", totals.paid, "the miners' paid"),
    agree("pending payments", pending, "the sum of payments:pending", totals.pending, "the miners' pending"),
    complaints("amounts are integers and payments match accounts", "all", wrong),
    complaints("each payment is in payments:all and its login's own list, once", "all", twice),
    await auditOpen(books),
  ];
}

/** Payments that one of the two lists has and the other has not, and transactions that are there twice. */
async function differentPayments({ redis, names, keys }: AuditedBooks): Promise<string[]> {
  const wrong: string[] = [];
  const all = new Set<string>();
  const seen = new Set<string>();
  for await (const page of bookEntries(redis, names.payments, "zset"))
    for (const [member = ""] of page) {
      const [hash = ""] = member.split(":");
      if (seen.has(hash)) wrong.push(`${hash} is in payments:all twice`);
      seen.add(hash);
      all.add(member);
    }
  const prefix = names.paymentsOf("");
  for (const key of keys) {
    if (!key.startsWith(`${prefix}0x`)) continue;
    for (const member of (await bookMap(redis, key, "zset")).keys()) {
      const [hash, amount] = member.split(":");
      const listed = [hash, key.slice(prefix.length), amount].join(":");
      if (!all.delete(listed)) wrong.push(`${listed} is not in payments:all`);
    }
  }
  for (const member of all) wrong.push(`${member} is not in its login's payments`);
  return wrong;
}

/** What this pool's payer has debited is pending; what is pending without it is another payer's, and told. */
async function auditOpen({ redis, names }: AuditedBooks): Promise<Finding> {
  const open = await bookMap(redis, names.openPayments, "hash");
  const debited = new Set<string>();
  for (const marker of open.values()) {
    const [state = "", ...entry] = marker.split(":");
    if (state === "debited") debited.add(entry.join(":"));
  }
  const pending = await bookMap(redis, names.pendingPayments, "zset");
  const lost = [...debited].filter((entry) => !pending.has(entry));
  const others = [...pending.keys()].filter((entry) => !debited.has(entry)).length;
  return complaints(
    "every open payment is pending",
    `${debited.size} of this pool's payer${others === 0 ? "" : `, ${others} of another`}`,
    lost.map((entry) => `${entry} was debited and is not pending`),
  );
}

/** Members end in an amount: `txHash:login:amount`, `txHash:amount`, `login:amount`. @param at which part it is */
async function amounts({ redis }: AuditedBooks, key: string, at: number, wrong: string[]): Promise<bigint> {
  const members = new Map<string, string>();
  for await (const page of bookEntries(redis, key, "zset"))
    for (const [member = ""] of page) members.set(`${key} ${member}`, member.split(":")[at] ?? "");
  return sum(members, wrong);
}

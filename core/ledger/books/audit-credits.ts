import { parseListed, type ListedBlock } from "../../payouts/block-members.ts";
import { decodeTerms, type BlockTerms } from "../../payouts/block-terms.ts";
import { SHANNON_WEI } from "../../payouts/reward-schedule.ts";
import { agree, complaints, sum, type AuditedBooks, type Finding } from "./finding.ts";
import { bookMap } from "./scan.ts";

/** Credits of blocks against what the blocks brought, what the accounts have, and what the pool has mined in all. Shannon. */
export async function auditCredits(books: AuditedBooks): Promise<Finding[]> {
  const { redis, names, keys } = books;
  const wrong: string[] = [];
  const credits = await creditsByBlock(books, wrong);
  const owed = await bookMap(redis, names.owed, "hash");
  const moves = await bookMap(redis, names.blockMoves, "hash");
  return [
    ...(await auditAccounts(books, credits, owed, wrong)),
    ...(await auditListed(books, credits, moves, wrong)),
    complaints("credits are integers, above 0, of logins that have an account", `${keys.length} keys`, wrong),
    told("steps of blocks that were begun and are not ended", moves.size),
    told("sums owed to accounts that cannot be written", owed.size),
  ];
}

/** What is no fault, and should be known. */
const told = (check: string, size: number): Finding => complaints(check, size === 0 ? "none" : String(size), []);

async function auditAccounts(
  books: AuditedBooks,
  { matured, immature }: BlockCredits,
  owed: ReadonlyMap<string, string>,
  wrong: string[],
): Promise<Finding[]> {
  const accounts = await accountSums(books, wrong);
  const owing = (field: string): bigint =>
    sum(
      [...owed].filter(([name]) => name.endsWith(`:${field}`)),
      wrong,
    );
  return [
    agree(
      "immature credits",
      total(immature),
      "the sum of credits:immature",
      accounts.immature + owing("immature"),
      "the miners' immature and what is owed",
    ),
    agree(
      "credits",
      total(matured),
      "the sum of all blocks' credits",
      accounts.balance + accounts.pending + accounts.paid + owing("balance"),
      "the miners' balance, pending and paid, and what is owed",
    ),
  ];
}

async function auditListed(
  books: AuditedBooks,
  credits: BlockCredits,
  moves: ReadonlyMap<string, string>,
  wrong: string[],
): Promise<Finding[]> {
  const { redis, names } = books;
  const blocks = await listed(books);
  const mined = blocks.filter(({ list, orphan }) => list === "matured" && !orphan);
  const totalMined = (await redis.command(["HGET", names.finances, "totalMined"])) ?? "0";
  const brought = mined.reduce((all, { rewardWei }) => all + BigInt(rewardWei) / SHANNON_WEI, 0n);
  // Between two parts of a step a block has neither all of its credits nor none.
  const settled = blocks.filter(({ member }) => !moves.has(member));
  const records = [...(await bookMap(redis, names.creditsAll, "zset")).keys()];
  const recorded = new Set(records.map((member) => member.split(":")[0] ?? ""));
  const same = records.length === mined.length && mined.every(({ hash }) => recorded.has(hash));
  return [
    agree(
      "total mined",
      sum([["totalMined", String(totalMined)]], wrong),
      "finances totalMined",
      brought,
      "the sum of the matured blocks' rewards",
    ),
    complaints(
      "every block's credits are within what it brought",
      `${blocks.length} blocks`,
      await ruleBreaks(books, settled, credits),
    ),
    complaints(
      "credits:all has each matured block once",
      `${mined.length} blocks`,
      same ? [] : [`${records.length} entries for ${mined.length} blocks, or of other blocks`],
    ),
  ];
}

const total = (credits: ReadonlyMap<string, bigint>): bigint =>
  [...credits.values()].reduce((all, amount) => all + amount, 0n);

interface BlockCredits {
  /** By `<height>:<hash>`. */
  readonly matured: ReadonlyMap<string, bigint>;
  readonly immature: ReadonlyMap<string, bigint>;
}

async function creditsByBlock({ redis, names, keys }: AuditedBooks, wrong: string[]): Promise<BlockCredits> {
  const matured = new Map<string, bigint>();
  const immature = new Map<string, bigint>();
  const creditsPrefix = names.creditsAll.slice(0, -"all".length);
  for (const key of keys) {
    const provisional = key.startsWith(names.immatureCreditsPrefix);
    if (!key.startsWith(creditsPrefix) || key === names.creditsAll) continue;
    const block = key.slice((provisional ? names.immatureCreditsPrefix : creditsPrefix).length);
    const entries = await bookMap(redis, key, "hash");
    for (const [login, amount] of entries) if (amount.startsWith("-")) wrong.push(`${key} has ${amount} for ${login}`);
    (provisional ? immature : matured).set(block, sum(entries, wrong));
  }
  return { matured, immature };
}

async function accountSums({ redis, names, keys }: AuditedBooks, wrong: string[]) {
  const sums = { balance: 0n, immature: 0n, pending: 0n, paid: 0n };
  for (const key of keys) {
    if (!key.startsWith(names.minerPrefix)) continue;
    const account = await bookMap(redis, key, "hash");
    for (const field of ["balance", "immature", "pending", "paid"] as const)
      sums[field] += sum([[`${key} ${field}`, account.get(field) ?? "0"]], wrong);
  }
  return sums;
}

async function listed({ redis, names }: AuditedBooks): Promise<ListedBlock[]> {
  const blocks: ListedBlock[] = [];
  for (const list of ["immature", "matured"] as const)
    for (const [member, score] of await bookMap(redis, names[list], "zset")) {
      const block = parseListed(list, member, score);
      if (block !== null) blocks.push(block);
    }
  return blocks;
}

/** Blocks whose credits are more, or with a fee address less, than the rounding rule allows; orphans that have some. */
async function ruleBreaks(
  { redis, names }: AuditedBooks,
  blocks: readonly ListedBlock[],
  { matured, immature }: BlockCredits,
): Promise<string[]> {
  const terms = await bookMap(redis, names.blockTerms, "hash");
  const breaks: string[] = [];
  for (const block of blocks) {
    const { list, height, hash, orphan, nonce, ts } = block;
    const credited = (list === "matured" ? matured : immature).get(`${height}:${hash}`) ?? 0n;
    const what = `block ${height} (${list})`;
    if (orphan && credited !== 0n) breaks.push(`${what} is an orphan and has credits of ${credited}`);
    // Books of another pool have their own rounding.
    const agreed = decodeTerms(terms.get(`${nonce}:${ts}`) ?? "");
    if (orphan || agreed === null) continue;
    const problem = ruleBreak(BigInt(block.rewardWei), credited, agreed);
    if (problem !== null) breaks.push(`${what}: ${problem}`);
  }
  return breaks;
}

/** Σ credits + profit that is not credited = revenue. Kept transaction fees are not in a member's reward: then there is no upper bound here. */
function ruleBreak(rewardWei: bigint, credited: bigint, { keepTxFees, poolFeeAddress }: BlockTerms): string | null {
  const left = rewardWei - credited * SHANNON_WEI;
  if (left < 0n && !keepTxFees) return `credits of ${credited} are more than its reward of ${rewardWei} Wei`;
  if (left >= SHANNON_WEI && poolFeeAddress !== null)
    return `${left} Wei of its reward of ${rewardWei} are nobody's, though a fee address gets what is left`;
  return null;
}

import { auditBooks } from "../../../core/ledger/books/audit.ts";
import { auditWallet } from "../../../core/ledger/books/audit-wallet.ts";
import { exportBooks, readDump, type Dump } from "../../../core/ledger/books/dump.ts";
import { importBooks } from "../../../core/ledger/books/import.ts";
import type { RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import { runCommand } from "../../../core/payouts/payer/payer-commands.ts";
import { signTransfer } from "../../../core/payouts/payer/transaction.ts";
import { ACCOUNT, KEY, PayerPool } from "./payer-pool.ts";
import { SimChain } from "./sim-chain.ts";
import { SimSigner, type SignerMood } from "./sim-signer.ts";
import { loginAt } from "./unlocker-pool.ts";

const SHANNON_WEI = 10n ** 9n;
const STRANGER = loginAt(0x5740);
/** What foreign transactions send; no payment is so small. Some pay a login, which the audit says, and rightly. */
const GIFT_WEI = 7n;
const GIFT_FINDING = /nonce \d+ of 0x\w+, 0x\w+, pays 7 Wei to 0x\w+ and is no payment of the ledger/g;

/** What one campaign did, so that a test can say that it did not pass by doing nothing. */
export interface CampaignReport {
  readonly wrong: readonly string[];
  readonly kills: number;
  /** Different steps, before or after which the process was killed. */
  readonly killedAt: ReadonlyMap<string, number>;
  /** Foreign transactions under our nonces, and those of them that were in a block that fell out again. */
  readonly foreign: number;
  readonly undone: number;
  readonly reorganisations: number;
  /** Times that the ledger was set back to an older state; payments that the operator had written again after it. */
  readonly restored: number;
  readonly mended: number;
  /** Runs of two instances at once, or of a second payer with the same key. */
  readonly doubled: number;
  /** Payers without a memory that came first to a ledger of before the lock. */
  readonly strangers: number;
  /** Answers of the signer that were another transaction, or that came after it had passed its own on. */
  readonly missigned: number;
  readonly payments: number;
  readonly renonced: number;
  readonly refunded: number;
  readonly asked: number;
}

/** Numbers from a seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below;
  };
}

/**
 * Pays `payees` logins while everything goes wrong that a seed brings: the process killed between any two steps, answers lost, nodes away,
 * behind or lying, reorganisations below and beyond the confirmations, foreign transactions under our nonces, contracts that begin to refuse,
 * gas that triples, a signer that signs something else, or twice and passes it on, a ledger that is set back, two instances and two payers at
 * once. Then all is well again, an operator does what only he may, and chain and ledger are added up.
 */
export async function payerCampaign(
  redis: RedisPort,
  seed: number,
  payees: number,
  rounds: number,
): Promise<CampaignReport> {
  const random = randomFrom(seed);
  const chance = (percent: number): boolean => random(100) < percent;
  const chain = new SimChain();
  const signer = new SimSigner(KEY, (raw) => chain.offer(raw));
  const settings = { concurrentTx: 10 + Math.floor(payees / 20), intervalMs: 60_000 };
  const pools = [1, 2].map(() => new PayerPool(redis, { chain, settings, signer: signer.port }));
  chain.funds.set(ACCOUNT, 10n ** 24n);
  if (chance(40)) chain.baseFee = 1_000_000n;
  const credited = new Map<string, bigint>();
  for (let n = 1; n <= payees; n += 1) {
    const amount = 500_000_001n + BigInt(Math.floor(random(1_000_000_000)));
    credited.set(loginAt(n), amount);
    await pools[0]?.credit(loginAt(n), amount);
  }
  // Choices that came later have numbers of their own, so that a seed stays what it was.
  const later = randomFrom(seed + 1_000_000);
  const unlocked = await readDump(exportBooks(redis, "eth"));
  const [pool, second] = await startedAtOnce(redis, pools);
  const rivals = [second];
  let rival = second;
  const [kept, back] = [Math.floor(random(rounds / 2)), Math.floor(random(rounds))];
  let dump: Dump | null = null;
  const report = {
    foreign: 0,
    reorganisations: 0,
    asked: 0,
    restored: 0,
    mended: 0,
    doubled: 0,
    missigned: 0,
    undone: 0,
    strangers: 0,
  };
  for (let round = 0; round < rounds; round += 1) {
    pool.nowMs += 15_000 + Math.floor(random(200_000));
    trouble(pool, chance, random, report);
    signer.mood = chance(15) ? (MOODS[Math.floor(random(MOODS.length))] ?? "well") : "well";
    const before = signer.signed.length;
    await live(pool, rival, chance, random, report);
    if (signer.mood !== "well") report.missigned += signer.signed.length - before;
    if (chance(20)) await operator(pool, report);
    chain.mine(Math.floor(random(4)), chance(20));
    if (round === kept) dump = await readDump(exportBooks(redis, "eth"));
    if (round === back && dump !== null) {
      report.restored += 1;
      // A copy of before anybody held the lock, and a payer with the same key that remembers nothing and comes first.
      const isOldest = later(100) < 50 && chain.count(ACCOUNT) > 0;
      await importBooks(redis, isOldest ? unlocked : dump, { replace: true });
      if (isOldest) {
        report.strangers += 1;
        rival = new PayerPool(redis, { chain, settings, signer: signer.port });
        rival.nowMs = pool.nowMs;
        rivals.push(rival);
        await rival.run();
      }
    }
  }
  signer.mood = "well";
  await recover(pool, report);
  await mendAll(pool, report);
  const wrong = [...(await addUp(pool, credited)), ...(await audited(pool)), ...told(pool, rivals)];
  const kills = [...pool.killedAt.values()].reduce((sum, times) => sum + times, 0);
  return { ...report, ...sumUp(pool), kills, killedAt: pool.killedAt, wrong };
}

type Report = { -readonly [K in keyof CampaignReport]?: number } & Record<
  "foreign" | "reorganisations" | "asked" | "mended" | "doubled" | "undone",
  number
>;

const MOODS: readonly SignerMood[] = ["another amount", "another nonce", "another recipient", "lost", "sent and lost"];
/** Kills fall among the steps that a run had in the last round. */
const FEW_STEPS = 30;

/** Two payers with one key begin in the same moment. @returns the one that has the lock, and the other one */
async function startedAtOnce(redis: RedisPort, pools: readonly PayerPool[]): Promise<[PayerPool, PayerPool]> {
  await Promise.all(pools.map((pool) => pool.run()));
  const lock = String(await redis.command(["GET", "eth:payments:lock"]));
  const pool = pools.find(({ payer }) => lock.endsWith(`:${payer.store.fact("holder")}`));
  const rival = pools.find((other) => other !== pool);
  if (pool === undefined || rival === undefined) throw new Error(`nobody has the lock: ${lock}`);
  return [pool, rival];
}

/** One run, which may be its last, or two at once. */
async function live(
  pool: PayerPool,
  rival: PayerPool,
  chance: (percent: number) => boolean,
  random: (below: number) => number,
  report: Report,
): Promise<void> {
  if (chance(8)) {
    report.doubled += 1;
    rival.nowMs = pool.nowMs;
    await Promise.all([rival.run(), pool.run()]);
    return;
  }
  if (chance(8)) {
    report.doubled += 1;
    return await pool.runTwice();
  }
  const steps = Math.max(FEW_STEPS, pool.steps);
  pool.steps = 0;
  if (chance(75)) {
    pool.life = 1 + Math.floor(random(chance(40) ? FEW_STEPS : steps));
    pool.killAfter = chance(50);
  }
  await pool.run();
  pool.life = Infinity;
}

function trouble(
  pool: PayerPool,
  chance: (percent: number) => boolean,
  random: (below: number) => number,
  report: Report,
) {
  const { chain, nodes } = pool;
  for (const node of nodes) {
    node.away = chance(8);
    node.behind = chance(10) ? Math.floor(random(4)) : 0;
    node.losesAnswers = chance(20) ? 1 + Math.floor(random(3)) : 0;
    node.denies = false;
    node.invents = false;
    node.gasPrice = chance(10) ? 3_000_000_000n : 1_000_000_000n;
  }
  const [liar] = nodes;
  if (liar !== undefined && chance(10)) liar.denies = true;
  else if (liar !== undefined && chance(5)) liar.invents = true;
  chain.minPrice = chance(15) ? 2_500_000_000n : 1n;
  if (chance(10)) {
    report.reorganisations += 1;
    const depth = Math.min(chance(70) ? 1 + Math.floor(random(4)) : 6 + Math.floor(random(15)), chain.head - 1);
    const gone = chain.blocks.slice(chain.blocks.length - depth).flatMap(({ transactions }) => transactions);
    report.undone += gone.filter(({ transaction: { valueWei } }) => valueWei === GIFT_WEI).length;
    chain.reorganise(depth, chance(50) ? "back" : "lost", chance(50));
  }
  if (chance(6) && pool.payer.store.fact("first_nonce") !== null) {
    report.foreign += 1;
    const nonce = chain.count(ACCOUNT) + Math.floor(random(3));
    const fees = { kind: "legacy", gasPrice: 9_000_000_000n } as const;
    const to = chance(20) ? loginAt(1 + Math.floor(random(5))) : STRANGER;
    const transfer = { chainId: 61n, nonce, to, valueWei: GIFT_WEI, gasLimit: 21_000n, fees };
    const signed = signTransfer(KEY, transfer);
    if (signed.ok) chain.offer(signed.raw);
  }
  if (chance(3)) chain.refusing.add(loginAt(1 + Math.floor(random(20))));
}

/** What the operator does where money is concerned: ends alarms when the nodes are well, and tells what only the chain's explorer tells. */
async function operator(pool: PayerPool, report: Report): Promise<void> {
  await runCommand(pool.payer, { kind: "resume" });
  for (const payment of pool.payer.store.open().payments) {
    if (payment.stage !== "asking") continue;
    const found = pool.chain.find(payment.place?.hash ?? "");
    // It can only be told for good when it is final.
    if (found === null || pool.chain.head - found.block.height < pool.settings.finalDepth) continue;
    report.asked += 1;
    const paid = found.ok && found.transaction.to === payment.login && found.transaction.valueWei === payment.valueWei;
    await runCommand(pool.payer, { kind: "resolve", id: payment.id, as: paid ? "paid" : "unpaid" });
  }
}

async function recover(pool: PayerPool, report: Report): Promise<void> {
  const { chain, nodes } = pool;
  chain.refusing.clear();
  chain.minPrice = 1n;
  for (const node of nodes)
    Object.assign(node, {
      away: false,
      behind: 0,
      losesAnswers: 0,
      denies: false,
      invents: false,
      gasPrice: 1_000_000_000n,
    });
  for (let round = 0; round < 600; round += 1) {
    pool.nowMs += 61_000;
    await pool.run();
    await operator(pool, report);
    for (const { login } of pool.payer.store.held())
      if (round % 40 === 39) await runCommand(pool.payer, { kind: "release", login });
    if (round % 10 === 5) await mendAll(pool, report);
    chain.mine(3);
    const { payments } = pool.payer.store.open();
    if (payments.length === 0 && round > 90) return;
  }
}

/** What the operator does after the ledger was restored: one command, as often as the payer names somebody or something could be written. */
async function mendAll(pool: PayerPool, report: Report): Promise<void> {
  for (let round = 0; round < 20; round += 1) {
    let written = 0;
    for (let after: string | null = null; ;) {
      const page = await pool.payer.mendPage(after, true);
      if (typeof page === "string") break;
      written += page.logins.reduce((sum, { lines }) => sum + lines.length, 0);
      if (page.next === null) break;
      after = page.next;
    }
    report.mended += written;
    if (written === 0 && pool.payer.status().forgotten === 0) return;
    pool.nowMs += 61_000;
    await pool.run();
  }
}

/** The audits that an operator can run, and what they find. */
async function audited({ redis, nodes, settings, payer }: PayerPool): Promise<string[]> {
  const [node] = nodes;
  if (node === undefined) return ["no node"];
  const terms = { rpc: node.rpc, wallets: [settings.account], payments: 100_000 };
  const findings = [...(await auditBooks(redis, "eth")), ...(await auditWallet(redis, "eth", terms))];
  const nonces = await payer.auditNonces(null);
  // Nobody was credited a block here.
  return [
    ...findings
      .filter(({ ok, check }) => !ok && check !== "credits")
      .map(({ check, detail }) => `${check}: ${detail.replaceAll(GIFT_FINDING, "")}`)
      .filter((text) => /0x|nonce/.test(text.slice(text.indexOf(": ")))),
    ...(typeof nonces === "string" ? [nonces] : nonces.wrong),
  ];
}

/** No other payer has paid anybody, and none has said the key. */
function told(pool: PayerPool, rivals: readonly PayerPool[]): string[] {
  const wrong: string[] = [];
  if (rivals.some(({ sql }) => sql.exec("SELECT id FROM payment").length > 0))
    wrong.push("another payer has begun payments");
  const kept = [pool, ...rivals].flatMap(({ sql }) =>
    ["payment", "login", "fact"].map((table) => JSON.stringify(sql.exec(`SELECT * FROM ${table}`))),
  );
  if (
    [pool, ...rivals].some(({ logged }) => logged.some((text) => text.includes(KEY))) ||
    kept.some((text) => text.includes(KEY))
  )
    wrong.push("the key is in the log, or in a row");
  return wrong;
}

function sumUp({ sql }: PayerPool) {
  const bodies = sql.exec("SELECT body FROM payment").map(({ body }) => String(body));
  return {
    payments: bodies.filter((body) => body.includes('"stage":"final"') && body.includes('"kind":"payment"')).length,
    renonced: bodies.filter((body) => !body.includes('"lost":[]')).length,
    refunded: bodies.filter((body) => body.includes('"stage":"refunded"')).length,
  };
}

/** What does not add up between chain and ledger; empty where everything does. */
export async function addUp(pool: PayerPool, credited: ReadonlyMap<string, bigint>): Promise<string[]> {
  const wrong: string[] = [];
  for (const [login, amount] of credited) {
    const [balance, pending, paid] = await Promise.all([
      pool.amount(login, "balance"),
      pool.amount(login, "pending"),
      pool.amount(login, "paid"),
    ]);
    const gifts = GIFT_WEI * BigInt(giftsTo(pool, login));
    const received = pool.chain.received(login, ACCOUNT) - gifts;
    if (received !== paid * SHANNON_WEI) wrong.push(`${login} got ${received} Wei, the ledger says ${paid} Shannon`);
    if (balance + pending + paid !== amount) wrong.push(`${login}: ${balance} + ${pending} + ${paid} is not ${amount}`);
    if (pending !== 0n) wrong.push(`${login} has ${pending} pending in the end`);
    if (balance > 500_000_000n) wrong.push(`${login} is left with ${balance}`);
  }
  return wrong;
}

const giftsTo = ({ chain }: PayerPool, login: string): number =>
  chain.blocks
    .flatMap(({ transactions }) => transactions)
    .filter(
      ({ ok, transaction: { to, valueWei, from } }) => ok && to === login && valueWei === GIFT_WEI && from === ACCOUNT,
    ).length;

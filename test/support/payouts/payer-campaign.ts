import { runCommand } from "../../../core/payouts/payer/payer-commands.ts";
import { signTransfer } from "../../../core/payouts/payer/transaction.ts";
import type { RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import { ACCOUNT, KEY, PayerPool } from "./payer-pool.ts";
import { loginAt } from "./unlocker-pool.ts";

const SHANNON_WEI = 10n ** 9n;
const STRANGER = loginAt(0x5740);

/** What one campaign did, so that a test can say that it did not pass by doing nothing. */
export interface CampaignReport {
  readonly wrong: readonly string[];
  readonly kills: number;
  readonly foreign: number;
  readonly reorganisations: number;
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
 * gas that triples. Then all is well again, an operator does what only he may, and chain and ledger are added up.
 */
export async function payerCampaign(
  redis: RedisPort,
  seed: number,
  payees: number,
  rounds: number,
): Promise<CampaignReport> {
  const random = randomFrom(seed);
  const chance = (percent: number): boolean => random(100) < percent;
  const pool = new PayerPool(redis, { settings: { concurrentTx: 10 + Math.floor(payees / 20), intervalMs: 60_000 } });
  const { chain } = pool;
  chain.funds.set(ACCOUNT, 10n ** 24n);
  if (chance(40)) chain.baseFee = 1_000_000n;
  const credited = new Map<string, bigint>();
  for (let n = 1; n <= payees; n += 1) {
    const amount = 500_000_001n + BigInt(Math.floor(random(1_000_000_000)));
    credited.set(loginAt(n), amount);
    await pool.credit(loginAt(n), amount);
  }
  const report = { kills: 0, foreign: 0, reorganisations: 0, asked: 0 };
  for (let round = 0; round < rounds; round += 1) {
    pool.nowMs += 15_000 + Math.floor(random(200_000));
    trouble(pool, chance, random, report);
    if (chance(60)) {
      pool.life = 1 + Math.floor(random(chance(60) ? 30 : 2 * payees));
      pool.killAfter = chance(50);
    }
    if (await pool.run()) report.kills += 1;
    pool.life = Infinity;
    if (chance(20)) await operator(pool, report);
    chain.mine(Math.floor(random(4)), chance(20));
  }
  await recover(pool, report);
  const wrong = await addUp(pool, credited);
  return { ...report, ...sumUp(pool), wrong };
}

type Report = { kills: number; foreign: number; reorganisations: number; asked: number };

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
    const depth = chance(70) ? 1 + Math.floor(random(4)) : 6 + Math.floor(random(15));
    chain.reorganise(Math.min(depth, chain.head - 1), chance(50) ? "back" : "lost", chance(50));
  }
  if (chance(6) && pool.payer.store.fact("first_nonce") !== null) {
    report.foreign += 1;
    const nonce = chain.count(ACCOUNT) + Math.floor(random(3));
    const fees = { kind: "legacy", gasPrice: 9_000_000_000n } as const;
    const to = chance(20) ? loginAt(1 + Math.floor(random(5))) : STRANGER;
    const transfer = { chainId: 61n, nonce, to, valueWei: 7n, gasLimit: 21_000n, fees };
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
    chain.mine(3);
    const { payments } = pool.payer.store.open();
    if (payments.length === 0 && round > 90) return;
  }
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
    const gifts = 7n * BigInt(giftsTo(pool, login));
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
    .filter(({ ok, transaction: { to, valueWei, from } }) => ok && to === login && valueWei === 7n && from === ACCOUNT)
    .length;

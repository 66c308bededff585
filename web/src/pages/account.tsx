import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type {
  Account,
  AccountHistory,
  AccountPayout,
  AccountRewards,
  VerdictCounts,
} from "../../../core/api/answers.ts";
import { coins, coinsAligned, coinsShort, count, hashes, hashrate, moment, percent, plural } from "../data/format.ts";
import { checksummed } from "../data/address.ts";
import { useLive, type Live } from "../data/live.ts";
import { useLiveInterval, usePoolFacts, useTicker, useWindows } from "../data/pool-facts.ts";
import { useNow, usePreference } from "../data/preferences.ts";
import { filling } from "./overview.tsx";
import { StateBadge } from "../ui/block-table.tsx";
import { ACCOUNT_RANGES, AccountCharts, type Range } from "../ui/history-charts.tsx";
import { Ago, Choice, CopyLine, Downloads, Figure, Figures, OnlineBadge, PageTitle, Panel } from "../ui/parts.tsx";
import { NextPayment } from "../ui/next-payment.tsx";
import { depths, onTheirWay, PayoutTable } from "../ui/payout-table.tsx";
import { PaymentTable } from "../ui/payment-table.tsx";
import { SettingsPanel } from "../ui/settings-panel.tsx";
import { useShownRows } from "../ui/shown-rows.tsx";
import { Table } from "../ui/table.tsx";

const STATE = { title: "State", as: "badge" } as const;
const HISTORY_INTERVAL_MS = 60_000;

/** One miner: its workers, its balance and where that comes from, its payments. */
export function AccountPage({ login }: { login: string }) {
  const path = `/api/accounts/${login}`;
  const live = useLive<Account>(path, useLiveInterval());
  const explorer = usePoolFacts()?.explorer?.address;
  const day = useLive<AccountHistory>(`${path}/history?range=1d`, HISTORY_INTERVAL_MS);
  if (live.status === 404 && live.data === null) return <UnknownAccount login={login} />;
  const account = live.data;
  return (
    <>
      <PageTitle title="Miner" live={live}>
        <RememberButton login={login} />
        {explorer && (
          <a class="link text-sm" href={explorer.replace("{}", checksummed(login))} rel="noreferrer" target="_blank">
            On the chain
          </a>
        )}
        <Downloads json={path} />
      </PageTitle>
      <div class="mb-4">
        <CopyLine name="Address" text={checksummed(login)} />
      </div>
      <AccountFigures live={live} />
      <AccountHistoryPanel path={path} workers={Object.keys(account?.workers ?? {})} />
      <WorkersPanel live={live} verdicts={day.data?.workers ?? {}} />
      <RewardsPanel path={path} account={account} />
      <SettingsPanel key={login} login={login} />
      <PaymentsPanel path={path} live={live} />
    </>
  );
}

/** What is paid next, what is on its way, and what was paid. */
function PaymentsPanel({ path, live }: { path: string; live: Live<Account> }) {
  const facts = usePoolFacts();
  const account = live.data;
  return (
    <Panel
      title={account ? `Payments (${count(account.paymentsTotal)})` : "Payments"}
      aside={<Downloads json={path} csv={`${path}/payments.csv`} />}
    >
      {facts === null || facts.payoutThreshold === null ? (
        <PaymentTable
          live={live}
          payments={account?.payments ?? []}
          total={account?.paymentsTotal ?? 0}
          known={new Map()}
          withAddress={false}
        />
      ) : (
        <OwnPayments path={path} live={live} />
      )}
    </Panel>
  );
}

function OwnPayments({ path, live }: { path: string; live: Live<Account> }) {
  const news = `${live.data?.stats["pending"] ?? ""} ${live.data?.stats["paid"] ?? ""}`;
  const payout = useLive<AccountPayout>(`${path}/payout`, HISTORY_INTERVAL_MS, news);
  const open = onTheirWay(payout.data?.payments ?? []);
  return (
    <>
      <NextPayment live={payout} />
      {open.length > 0 && (
        <div class="mb-6">
          <PayoutTable live={payout} payments={open} needed={payout.data?.confirmations ?? 0} withAddress={false} />
        </div>
      )}
      <PaymentTable
        live={live}
        payments={live.data?.payments ?? []}
        total={live.data?.paymentsTotal ?? 0}
        known={depths(payout.data?.payments ?? [])}
        withAddress={false}
      />
    </>
  );
}

/** Over time, all workers together or one of them: they are told apart for a day. */
function AccountHistoryPanel({ path, workers }: { path: string; workers: readonly string[] }) {
  const [range, setRange] = useState<Range>("1d");
  const [worker, setWorker] = useState("");
  const query = worker === "" ? `range=${range}` : `range=1d&worker=${encodeURIComponent(worker)}`;
  const live = useLive<AccountHistory>(`${path}/history?${query}`, HISTORY_INTERVAL_MS);
  return (
    <Panel
      title="History"
      class="mb-4"
      aside={
        <span class="flex flex-wrap items-center gap-2">
          {workers.length > 1 && (
            <select
              class="select select-xs w-36"
              aria-label="Which worker"
              value={worker}
              onChange={({ currentTarget }) => setWorker(currentTarget.value)}
            >
              <option value="">All workers</option>
              {workers.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          )}
          {worker === "" && <Choice name="How far back" options={ACCOUNT_RANGES} value={range} onChange={setRange} />}
        </span>
      }
    >
      <AccountCharts live={live} range={worker === "" ? range : "1d"} />
    </Panel>
  );
}

function UnknownAccount({ login }: { login: string }) {
  return (
    <>
      <PageTitle title="Not seen yet" />
      <p class="mb-4">
        The pool has not had a share from <span class="font-mono break-all">{checksummed(login)}</span>.
      </p>
      <Link href="/connect" class="btn btn-primary">
        Connect a miner
      </Link>
    </>
  );
}

function RememberButton({ login }: { login: string }) {
  const [mine, remember] = usePreference("address");
  if (mine === login) return <span class="badge badge-primary">your address</span>;
  return (
    <button type="button" class="btn btn-outline btn-xs" onClick={() => remember(login)}>
      This is mine
    </button>
  );
}

function AccountFigures({ live }: { live: Live<Account> }) {
  const unit = useTicker();
  const { small, large } = useWindows();
  const now = useNow(5000);
  const account = live.data;
  const amount = (name: string) => coinsShort(Number(account?.stats[name] ?? 0));
  const reported = account?.reportedHashrate ?? null;
  return (
    <Figures live={live}>
      <Figure
        name={`Hashrate, ${small}`}
        value={account && hashrate(account.currentHashrate)}
        note={account && (filling(account.firstShare, now) ?? `${hashrate(account.hashrate)} over ${large}`)}
      />
      <Figure
        name="Reported hashrate"
        value={account && (reported === null ? "none" : hashrate(reported))}
        note={account && (reported === null ? "no miner program says it" : "as the miner programs say")}
      />
      <Figure
        name="Workers online"
        value={account && count(account.workersOnline)}
        note={account && `of ${count(account.workersTotal)}`}
      />
      <Figure
        name="Share of the round"
        value={account && percent(account.roundShare, 2)}
        note={
          account &&
          `${hashes(account.roundShares)}, ${plural(Number(account.stats["blocksFound"] ?? 0), "block")} found`
        }
      />
      <Figure
        name="Balance"
        value={account && `${amount("balance")} ${unit}`}
        note={account && `and ${amount("immature")} immature`}
      />
      <Figure
        name="Paid"
        value={account && `${amount("paid")} ${unit}`}
        note={account && `${amount("pending")} on its way`}
      />
      <RewardFigures account={account} unit={unit} />
    </Figures>
  );
}

function RewardFigures({ account, unit }: { account: Account | null; unit: string }) {
  const rewards = account?.rewards ?? null;
  const estimate = account?.estimatePerDay ?? null;
  return (
    <>
      <Figure
        name="Rewards, one day"
        value={account && (rewards === null ? "unknown" : `${coinsShort(rewards["24h"])} ${unit}`)}
        note={rewards && `${coinsShort(rewards["7d"])} in seven days`}
      />
      <Figure
        name="Estimate a day"
        value={account && (estimate === null ? "unknown" : `${coinsShort(estimate)} ${unit}`)}
        note="on average, at the hashrate of now"
      />
    </>
  );
}

/** Credits shown at first. */
const REWARDS_SHOWN = 10;

/** Where the balance comes from, block by block. */
function RewardsPanel({ path, account }: { path: string; account: Account | null }) {
  const unit = useTicker();
  const now = useNow(5000);
  const [all, showAll] = useState(false);
  const news = `${account?.stats["balance"] ?? ""} ${account?.stats["immature"] ?? ""}`;
  const live = useLive<AccountRewards>(`${path}/rewards`, HISTORY_INTERVAL_MS, news);
  const blocks = live.data?.blocks ?? [];
  const rows = blocks.slice(0, all ? blocks.length : REWARDS_SHOWN).map((block) => ({
    key: block.hash,
    cells: [
      <Link href={`/block/${block.height}/${block.hash}`} class="link link-primary">
        {count(block.height)}
      </Link>,
      <StateBadge block={{ ...block, orphan: false, state: block.immature ? "immature" : "matured" }} />,
      <Ago atS={block.timestamp} nowMs={now} />,
      percent(block.amount / (Number(block.reward) / 1e9), 2),
      `${coinsAligned(block.amount)} ${unit}`,
    ],
  }));
  const since = live.data?.rewardsSince ?? 0;
  return (
    <Panel
      title="Rewards, block by block"
      class="mb-4"
      aside={<Downloads json={`${path}/rewards`} csv={`${path}/rewards.csv`} />}
    >
      <Table
        live={live}
        caption="Rewards"
        columns={["Block", STATE, "Found", "Of the block", { title: "Credit", as: "wide" }]}
        rows={rows}
        empty="No block has brought this miner anything yet: a credit comes when a block is twenty or so deep in the chain."
      />
      <p class="text-muted mt-2 flex flex-wrap gap-x-3 text-sm">
        {account && <Sum stats={account.stats} unit={unit} />}
        {since > 0 && <span>Blocks found before {moment(since)} are not listed.</span>}
        {!all && blocks.length > REWARDS_SHOWN && (
          <button type="button" class="link" onClick={() => showAll(true)}>
            Show all {count(blocks.length)}
          </button>
        )}
      </p>
    </Panel>
  );
}

/** What became of all that was ever credited. */
function Sum({ stats, unit }: { stats: Account["stats"]; unit: string }) {
  const of = (name: string) => Number(stats[name] ?? 0);
  const matured = of("balance") + of("pending") + of("paid");
  return (
    <span>
      Matured in all {coins(matured)} {unit}: {coins(of("paid"))} paid, {coins(of("pending"))} on its way,{" "}
      {coins(of("balance"))} in the balance.
    </span>
  );
}

const rate = (part: number, verdicts: VerdictCounts | undefined) => {
  const all = verdicts ? verdicts.accepted + verdicts.duplicate + verdicts.invalid + verdicts.stale : 0;
  return all > 0 ? percent(part / all, 2) : "";
};

/** Fewer are all in sight. */
const MANY_WORKERS = 10;

function WorkersPanel({ live, verdicts }: { live: Live<Account>; verdicts: AccountHistory["workers"] }) {
  const now = useNow(5000);
  const { small, large } = useWindows();
  const account = live.data;
  const workers = Object.entries(account?.workers ?? {});
  const { shown, isWhole, filter, pager } = useShownRows(workers, "workers");
  const rows = shown.map(([name, { hr, hr2, lastBeat, offline, reportedHashrate }]) => {
    const counts = Object.hasOwn(verdicts, name) ? verdicts[name] : undefined;
    return {
      key: name,
      cells: [
        <span class="font-mono">{name}</span>,
        <OnlineBadge offline={offline} />,
        hashrate(hr),
        hashrate(hr2),
        reportedHashrate !== undefined && hashrate(reportedHashrate),
        <Ago atS={lastBeat} nowMs={now} />,
        counts && count(counts.accepted),
        rate(counts?.stale ?? 0, counts),
        rate(counts?.invalid ?? 0, counts),
      ],
    };
  });
  return (
    <Panel
      title={
        account
          ? `Workers (${count(account.workersOnline)} online, ${count(account.workersOffline)} offline)`
          : "Workers"
      }
      class="mb-4"
      aside={workers.length > MANY_WORKERS && filter}
    >
      <Table
        live={live}
        caption="Workers"
        columns={["Worker", STATE, small, large, "Reported", "Last share", "Shares, one day", "Stale", "Invalid"]}
        rows={rows}
        empty={isWhole ? `No worker has sent a share in the last ${large}.` : "No worker to show here."}
      />
      {pager}
    </Panel>
  );
}

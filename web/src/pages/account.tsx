import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { Account, AccountHistory, Overview, VerdictCounts } from "../../../core/api/answers.ts";
import { coins, count, hashes, hashrate, percent } from "../data/format.ts";
import { checksummed } from "../data/address.ts";
import { useLive, type Live } from "../data/live.ts";
import { useLiveInterval, usePoolFacts, useTicker } from "../data/pool-facts.ts";
import { useNow, usePreference } from "../data/preferences.ts";
import { filling } from "./overview.tsx";
import { ACCOUNT_RANGES, AccountCharts, type Range } from "../ui/history-charts.tsx";
import { Ago, Choice, CopyLine, Figure, Figures, OnlineBadge, PageTitle, Panel, Table } from "../ui/parts.tsx";
import { PaymentTable } from "../ui/payment-table.tsx";

const HISTORY_INTERVAL_MS = 60_000;

/** One miner: its workers, its balance, its payments. */
export function AccountPage({ login }: { login: string }) {
  const live = useLive<Account>(`/api/accounts/${login}`, useLiveInterval());
  const [range, setRange] = useState<Range>("1d");
  const history = useLive<AccountHistory>(`/api/accounts/${login}/history?range=${range}`, HISTORY_INTERVAL_MS);
  const explorer = usePoolFacts()?.explorer?.address;
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
      </PageTitle>
      <div class="mb-4">
        <CopyLine name="Address" text={checksummed(login)} />
      </div>
      <AccountFigures live={live} history={history.data} />
      <Panel
        title="History"
        class="mb-4"
        aside={<Choice name="How far back" options={ACCOUNT_RANGES} value={range} onChange={setRange} />}
      >
        <AccountCharts live={history} range={range} />
      </Panel>
      <Panel
        title={account ? `Workers (${account.workersOnline} online, ${account.workersOffline} offline)` : "Workers"}
        class="mb-4"
      >
        <WorkerTable live={live} workers={account?.workers ?? {}} verdicts={history.data?.workers ?? {}} />
      </Panel>
      <Panel title={account ? `Payments (${count(account.paymentsTotal)})` : "Payments"}>
        <PaymentTable live={live} payments={account?.payments ?? []} withAddress={false} />
      </Panel>
    </>
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
    <button type="button" class="btn btn-xs" onClick={() => remember(login)}>
      This is mine
    </button>
  );
}

function AccountFigures({ live, history }: { live: Live<Account>; history: AccountHistory | null }) {
  const unit = useTicker();
  const now = useNow(5000);
  const round = useLive<Overview>("/api/overview", useLiveInterval()).data;
  const account = live.data;
  const part = (whole: number) => (account && whole > 0 ? `${percent(account.roundShares / whole, 2)} of it, ` : "");
  const amount = (name: string) => coins(Number(account?.stats[name] ?? 0));
  return (
    <Figures live={live}>
      <Figure
        name="Hashrate, half an hour"
        value={account && hashrate(account.currentHashrate)}
        note={account && (filling(history?.at[0] ?? 0, now) ?? `${hashrate(account.hashrate)} over three hours`)}
      />
      <Figure
        name="Workers online"
        value={account && count(account.workersOnline)}
        note={account && `of ${count(account.workersTotal)}`}
      />
      <Figure
        name="Balance"
        value={account && `${amount("balance")} ${unit}`}
        note={account && `${amount("immature")} immature, ${amount("paid")} paid`}
      />
      <Figure
        name="Share of the round"
        value={account && hashes(account.roundShares)}
        note={
          account &&
          `${part(Number(round?.stats["roundShares"] ?? 0))}${count(Number(account.stats["blocksFound"] ?? 0))} blocks found`
        }
      />
    </Figures>
  );
}

const rate = (part: number, verdicts: VerdictCounts | undefined) => {
  const all = verdicts ? verdicts.accepted + verdicts.duplicate + verdicts.invalid + verdicts.stale : 0;
  return all > 0 ? percent(part / all, 2) : "";
};

function WorkerTable({
  live,
  workers,
  verdicts,
}: {
  live: Live<unknown>;
  workers: Account["workers"];
  verdicts: AccountHistory["workers"];
}) {
  const now = useNow(5000);
  const rows = Object.entries(workers).map(([name, { hr, hr2, lastBeat, offline }]) => {
    const counts = Object.hasOwn(verdicts, name) ? verdicts[name] : undefined;
    return (
      <tr key={name}>
        <th scope="row" class="font-mono">
          {name}
        </th>
        <td>
          <OnlineBadge offline={offline} />
        </td>
        <td>{hashrate(hr)}</td>
        <td>{hashrate(hr2)}</td>
        <td>
          <Ago atS={lastBeat} nowMs={now} />
        </td>
        <td>{counts ? count(counts.accepted) : ""}</td>
        <td>{rate(counts?.stale ?? 0, counts)}</td>
        <td>{rate(counts?.invalid ?? 0, counts)}</td>
      </tr>
    );
  });
  return (
    <Table
      live={live}
      caption="Workers"
      columns={["Worker", "State", "Half an hour", "Three hours", "Last share", "Shares, one day", "Stale", "Invalid"]}
      rows={rows}
      empty="No worker has sent a share in the last three hours."
    />
  );
}

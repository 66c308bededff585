import { useEffect, useId, useState } from "preact/hooks";
import type { Wallet } from "../../../core/api/answers.ts";
import { checksummed } from "../data/address.ts";
import { ago, coins, coinsShort, count, inTime, plural, rewardCoins } from "../data/format.ts";
import type { Live } from "../data/live.ts";
import { fetchWallet, sendPause } from "../data/operator.ts";
import { usePoolFacts, useTicker } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { AddressLink, CopyLine, Figure, Figures, Hash, PageTitle, Panel } from "../ui/parts.tsx";
import { Stage } from "../ui/payout-table.tsx";
import { Table } from "../ui/table.tsx";

const INTERVAL_MS = 15_000;

/** The wallet that pays, for whoever has the pool's ADMIN_TOKEN. The token stays in this page's memory: a reload forgets it. */
export function OperatorPage() {
  const [token, enter] = useState("");
  const { live, reason, renew } = useWallet(token);
  return (
    <>
      <PageTitle title="Operator" />
      {token === "" || (live.data === null && reason !== "") ? (
        <TokenForm reason={reason} onEnter={enter} />
      ) : (
        <WalletView live={live} reason={reason} token={token} renew={renew} />
      )}
    </>
  );
}

/** What is known of the wallet, asked again every few seconds while the page is looked at. */
function useWallet(token: string) {
  const [live, setLive] = useState<Live<Wallet>>({ data: null, status: null, updatedAtMs: 0, dataAtMs: 0 });
  const [reason, setReason] = useState("");
  const [asked, renew] = useState(0);
  useEffect(() => {
    if (token === "") return undefined;
    let gone = false;
    const load = async () => {
      if (document.hidden) return;
      const found = await fetchWallet(token);
      if (gone) return;
      setReason(found.ok ? "" : found.reason);
      const now = Date.now();
      setLive((before) =>
        found.ok ? { data: found.told, status: 200, updatedAtMs: now, dataAtMs: now } : { ...before, status: 0 },
      );
    };
    void load();
    const timer = setInterval(() => void load(), INTERVAL_MS);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [token, asked]);
  return { live, reason, renew: () => renew((times) => times + 1) };
}

function TokenForm({ reason, onEnter }: { reason: string; onEnter: (token: string) => void }) {
  const id = useId();
  const [typed, type] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    onEnter(typed);
  };
  return (
    <Panel title="Who are you?">
      <form onSubmit={submit} class="flex flex-col gap-2">
        <label for={id} class="text-sm font-medium">
          The pool's ADMIN_TOKEN
        </label>
        <input
          id={id}
          type="password"
          class="input input-sm w-full max-w-md font-mono"
          autocomplete="off"
          value={typed}
          onInput={({ currentTarget }) => type(currentTarget.value.trim())}
        />
        <p class="text-muted text-sm">It is sent to this pool alone and forgotten when this page is closed.</p>
        <button type="submit" class="btn btn-sm btn-primary self-start" disabled={typed === ""}>
          Show the wallet
        </button>
      </form>
      <p role="status" class="text-error mt-2 text-sm empty:mt-0">
        {reason}
      </p>
    </Panel>
  );
}

function WalletView({
  live,
  reason,
  token,
  renew,
}: {
  live: Live<Wallet>;
  reason: string;
  token: string;
  renew: () => void;
}) {
  const wallet = live.data;
  return (
    <>
      {wallet && (
        <div class="mb-4">
          <CopyLine name="Account that pays" text={checksummed(wallet.status.account)} />
        </div>
      )}
      {reason !== "" && (
        <p role="status" class="text-error mb-4 text-sm">
          {reason}
        </p>
      )}
      <WalletFigures live={live} />
      <PausePanel wallet={wallet} token={token} renew={renew} />
      <Panel title="On their way" class="mb-4">
        <OpenTable live={live} />
      </Panel>
      <Panel title="Not paid, and why">
        <WaitingTable live={live} />
      </Panel>
    </>
  );
}

const walletNote = (wallet: Wallet): string =>
  wallet.status.walletWei === null
    ? "no node has told it yet"
    : isShort(wallet)
      ? "less than is owed"
      : "at least what is owed";

const isShort = ({ status, owed }: Wallet): boolean =>
  status.walletWei !== null &&
  BigInt(status.walletWei) < (BigInt(owed.balance) + BigInt(owed.pending)) * 1_000_000_000n;

const cap = (shannon: string | null) => (shannon === null ? "no cap" : coinsShort(Number(shannon)));

function WalletFigures({ live }: { live: Live<Wallet> }) {
  const unit = useTicker();
  const now = useNow(5000);
  const wallet = live.data;
  const status = wallet?.status ?? null;
  const amount = (shannon: string) => `${coinsShort(Number(shannon))} ${unit}`;
  return (
    <Figures live={live}>
      <Figure
        name="Wallet"
        value={status && (status.walletWei === null ? "unknown" : `${rewardCoins(status.walletWei)} ${unit}`)}
        note={wallet && walletNote(wallet)}
      />
      <Figure
        name="Owed"
        value={wallet && amount(wallet.owed.balance)}
        note={
          wallet &&
          `${coinsShort(Number(wallet.owed.pending))} on its way, ${coinsShort(Number(wallet.owed.immature))} immature`
        }
      />
      <Figure
        name="Nonce"
        value={wallet && (wallet.nonce.next === null ? "unknown" : count(wallet.nonce.next))}
        note={wallet && nonceNote(wallet)}
      />
      <Figure
        name="On their way"
        value={wallet && `${wallet.inFlight} of ${wallet.concurrentTx}`}
        note={status && `${plural(status.asking, "decision")} of yours awaited`}
      />
      <Figure
        name="Paid today"
        value={status && amount(status.paidToday)}
        note={wallet && `of ${cap(wallet.caps.day)}; UTC day`}
      />
      <Figure
        name="This run"
        value={wallet && amount(wallet.runTotal)}
        note={wallet && `of ${cap(wallet.caps.run)}; a payment: ${cap(wallet.caps.payment)}`}
      />
      <Figure
        name="Next run"
        value={wallet && inTime(wallet.nextRunMs / 1000, now)}
        note={
          status && (status.lastRunMs === null ? "never looked yet" : `looked ${ago(status.lastRunMs / 1000, now)}`)
        }
      />
      <Figure
        name="Payments"
        value={status && (status.dryRun ? "dry run" : status.paused === null ? "go on" : "paused")}
        note={status && (status.paused ?? (status.dryRun ? "rehearsed, nobody is paid" : "nothing stops them"))}
      />
    </Figures>
  );
}

function nonceNote({ nonce, status: { foreign } }: Wallet): string {
  const strangers = foreign.length === 0 ? "" : `; not ours: ${foreign.slice(0, 5).join(", ")}`;
  return `${nonce.chain === null ? "unknown" : count(nonce.chain)} in the chain${strangers}`;
}

/** Every change needs a reason, which the pool writes down. */
function PausePanel({ wallet, token, renew }: { wallet: Wallet | null; token: string; renew: () => void }) {
  const id = useId();
  const [note, type] = useState("");
  const [said, say] = useState("");
  const send = async (kind: "pause" | "resume") => {
    say("Sending …");
    const outcome = await sendPause(token, kind, note);
    say(outcome.ok ? (kind === "pause" ? "Paused." : "Payments go on.") : outcome.reason);
    if (!outcome.ok) return;
    type("");
    renew();
  };
  const problems = wallet?.status.problems ?? [];
  return (
    <Panel title="Pause and resume" class="mb-4">
      {problems.length > 0 && (
        <ul class="text-error mb-2 list-disc pl-5 text-sm">
          {problems.map((problem) => (
            <li key={problem} class="break-words">
              {problem}
            </li>
          ))}
        </ul>
      )}
      <label for={id} class="text-sm font-medium">
        Why, for the pool's log
      </label>
      <div class="mt-1 flex flex-wrap gap-2">
        <input
          id={id}
          class="input input-sm w-full max-w-md"
          maxLength={500}
          value={note}
          onInput={({ currentTarget }) => type(currentTarget.value)}
        />
        <button type="button" class="btn btn-sm" disabled={note.trim() === ""} onClick={() => void send("pause")}>
          Pause payments
        </button>
        <button type="button" class="btn btn-sm" disabled={note.trim() === ""} onClick={() => void send("resume")}>
          Resume payments
        </button>
      </div>
      <p class="text-muted mt-2 text-sm">
        Paused, nothing new is begun and what is on its way is followed. Everything else is done with npm run payouts.
      </p>
      <p role="status" class="mt-1 text-sm empty:mt-0">
        {said}
      </p>
    </Panel>
  );
}

const wide = (title: string) => ({ title, as: "wide" }) as const;

function OpenTable({ live }: { live: Live<Wallet> }) {
  const unit = useTicker();
  const explorer = usePoolFacts()?.explorer?.transaction ?? null;
  const rows = (live.data?.payments ?? []).map((payment) => ({
    key: String(payment.id),
    cells: [
      String(payment.id),
      <Stage stage={payment.stage} />,
      <AddressLink login={payment.login} />,
      `${coins(Number(payment.amountShannon))} ${unit}`,
      payment.nonce !== null && String(payment.nonce),
      payment.confirmations !== null && count(payment.confirmations),
      payment.hash !== null && <Hash hash={payment.hash} explorer={explorer} name="Transaction" />,
      payment.reason !== null && (
        <span class="whitespace-normal break-words max-md:wrap-anywhere">{payment.reason}</span>
      ),
    ],
  }));
  return (
    <Table
      live={live}
      caption="On their way"
      columns={[
        "Number",
        { title: "State", as: "badge" },
        wide("Address"),
        wide("Amount"),
        "Nonce",
        "Confirmations",
        wide("Transaction"),
        wide("Waits because"),
      ]}
      rows={rows}
      empty="No payment is on its way now."
    />
  );
}

function WaitingTable({ live }: { live: Live<Wallet> }) {
  const unit = useTicker();
  const now = useNow(5000);
  const held = (live.data?.held ?? []).map(({ login, why }) => ({
    key: `held ${login}`,
    cells: [
      <AddressLink login={login} />,
      "",
      "",
      <span class="whitespace-normal break-words max-md:wrap-anywhere">{why}</span>,
    ],
  }));
  const waiting = (live.data?.status.waiting ?? [])
    .filter(({ id, login }) => id === null && !held.some(({ key }) => key === `held ${login}`))
    .map(({ login, amountShannon, sinceMs, reason }) => ({
      key: login,
      cells: [
        <AddressLink login={login} />,
        `${coins(Number(amountShannon))} ${unit}`,
        ago(sinceMs / 1000, now),
        <span class="whitespace-normal break-words max-md:wrap-anywhere">{reason}</span>,
      ],
    }));
  const more = live.data?.status.waitingMore ?? 0;
  return (
    <>
      <Table
        live={live}
        caption="Not paid"
        columns={["Address", "Amount", "Since", wide("Because")]}
        rows={[...held, ...waiting]}
        empty="Everybody above the threshold is being paid."
      />
      {more > 0 && (
        <p class="text-muted mt-2 text-sm">And {count(more)} more: npm run payouts, waiting, has them all.</p>
      )}
    </>
  );
}

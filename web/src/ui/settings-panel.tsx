import { useId, useState } from "preact/hooks";
import { KEEP, settingsText, type MinerSettings } from "../../../core/accounts/settings-message.ts";
import type { AccountSettings } from "../../../core/api/answers.ts";
import { coins } from "../data/format.ts";
import { useTicker } from "../data/pool-facts.ts";
import { fetchSettings, hasWallet, sendSettings, shannonOf, signWithWallet } from "../data/signing.ts";
import { NotificationTargets } from "./notification-targets.tsx";
import { CopyLine, Panel } from "./parts.tsx";

/** How long there is to sign. */
const GOOD_FOR_S = 1_800;

/** What a miner sets for itself, by a signature of its address. Nothing is asked of the pool before somebody opens it. */
export function SettingsPanel({ login }: { login: string }) {
  const path = `/api/accounts/${login}/settings`;
  const [settings, setSettings] = useState<AccountSettings | null>(null);
  const [said, say] = useState("");
  const load = async () => {
    const found = await fetchSettings(path);
    if (found === null) say("The pool does not answer.");
    else setSettings(found);
  };
  const send = async (message: string, signature: string) => {
    say("Sending …");
    const outcome = await sendSettings(path, message, signature);
    if (outcome.ok) {
      setSettings(outcome.settings);
      const { webhookKey } = outcome;
      return say(
        webhookKey === undefined
          ? "Saved."
          : `Saved. Messages to your webhook are signed with this key, which is told now only: ${webhookKey}`,
      );
    }
    say(`Refused: ${outcome.reason}.`);
    // A text that can no longer be used is replaced by one that can.
    if (["expired", "replayed", "nonce_ahead"].includes(outcome.refused)) await load();
  };
  return (
    <Panel title="Settings" class="mb-4">
      {settings === null ? (
        <button type="button" class="btn btn-sm" onClick={load}>
          Change settings of this address
        </button>
      ) : settings.chainId === null ? (
        <p class="text-sm">This pool takes no settings: its operator has set no chain id.</p>
      ) : (
        <SettingsForm
          key={settings.nonce}
          login={login}
          settings={settings}
          chainId={settings.chainId}
          send={send}
          say={say}
        />
      )}
      <p role="status" class="mt-3 text-sm empty:mt-0">
        {said}
      </p>
    </Panel>
  );
}

function SettingsForm({
  login,
  settings,
  chainId,
  send,
  say,
}: {
  login: string;
  settings: AccountSettings;
  chainId: number;
  send: (message: string, signature: string) => Promise<void>;
  say: (text: string) => void;
}) {
  const { pool, payoutThreshold, solo, hidden, nonce, now } = settings;
  const [wanted, want] = useState<MinerSettings>({
    payoutThreshold: payoutThreshold === null ? null : BigInt(payoutThreshold),
    solo: solo && settings.offers.solo,
    hidden,
    notifications: KEEP,
  });
  const [wrongThreshold, setWrong] = useState(false);
  const [wrongTarget, setWrongTarget] = useState(false);
  const wrong = wrongThreshold || wrongTarget;
  const change = (part: Partial<MinerSettings>) => want((before) => ({ ...before, ...part }));
  const text = settingsText({ ...wanted, pool, chainId, login, nonce, expires: now + GOOD_FOR_S });
  return (
    <div class="flex flex-col gap-3">
      <Threshold settings={settings} onChange={(shannon) => change({ payoutThreshold: shannon })} onWrong={setWrong} />
      {settings.offers.solo && (
        <Tick
          name="Mine solo: my blocks are mine alone, my shares earn nothing"
          on={wanted.solo}
          onChange={(on) => change({ solo: on })}
        />
      )}
      <Tick
        name="Show my address in no list of this pool"
        on={wanted.hidden}
        onChange={(on) => change({ hidden: on })}
      />
      {settings.offers.notifications && (
        <NotificationTargets
          count={settings.notifications}
          onChange={(notifications) => change({ notifications })}
          onWrong={setWrongTarget}
        />
      )}
      <p class="text-muted text-sm">
        The key of this address signs this text, within half an hour. It moves no coins and lets nobody else move any.
      </p>
      <Signing login={login} text={text} disabled={wrong} send={send} say={say} />
    </div>
  );
}

function Signing({
  login,
  text,
  disabled,
  send,
  say,
}: {
  login: string;
  text: string;
  disabled: boolean;
  send: (message: string, signature: string) => Promise<void>;
  say: (text: string) => void;
}) {
  const sign = async () => {
    say("Look at your wallet.");
    const signing = await signWithWallet(login, text);
    if (signing.ok) await send(text, signing.signature);
    else say(signing.reason);
  };
  return (
    <>
      <CopyLine name="Text to sign" text={text} />
      {hasWallet() && (
        <button type="button" class="btn btn-sm btn-primary self-start" disabled={disabled} onClick={sign}>
          Sign with this browser's wallet
        </button>
      )}
      <Paste disabled={disabled} onSend={(signature) => send(text, signature)} />
    </>
  );
}

function Threshold({
  settings,
  onChange,
  onWrong,
}: {
  settings: AccountSettings;
  onChange: (shannon: bigint | null) => void;
  onWrong: (wrong: boolean) => void;
}) {
  const id = useId();
  const unit = useTicker();
  const least = settings.offers.payoutThreshold;
  const [typed, type] = useState(settings.payoutThreshold === null ? "" : String(settings.payoutThreshold / 1e9));
  if (least === null) return null;
  const isWrong = (text: string) => text !== "" && (shannonOf(text) ?? -1n) < BigInt(least);
  const bad = isWrong(typed);
  return (
    <div>
      <label for={id} class="text-sm font-medium">
        Pay me when my balance is above, {unit}
      </label>
      <input
        id={id}
        class={`input input-sm w-full max-w-xs font-mono ${bad ? "input-error" : ""}`}
        value={typed}
        placeholder={coins(least)}
        inputmode="decimal"
        autocomplete="off"
        aria-invalid={bad}
        aria-describedby={`${id}-hint`}
        onInput={({ currentTarget }) => {
          const text = currentTarget.value.trim();
          type(text);
          onChange(shannonOf(text));
          onWrong(isWrong(text));
        }}
      />
      <p id={`${id}-hint`} class={`text-xs ${bad ? "text-error" : "text-muted"}`}>
        {`At least the pool's own, ${coins(least)} ${unit}; nothing typed is the pool's own`}
      </p>
    </div>
  );
}

function Tick({ name, on, onChange }: { name: string; on: boolean; onChange: (on: boolean) => void }) {
  return (
    <label class="flex items-center gap-2 text-sm">
      <input
        type="checkbox"
        class="checkbox checkbox-sm"
        checked={on}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />
      {name}
    </label>
  );
}

/** For wallets that are elsewhere. */
function Paste({ disabled, onSend }: { disabled: boolean; onSend: (signature: string) => Promise<void> }) {
  const id = useId();
  const [signature, paste] = useState("");
  return (
    <details>
      <summary class="link text-sm">Sign it elsewhere</summary>
      <p class="text-muted my-2 text-sm">
        Any program that does <code>personal_sign</code> (EIP-191) will do: a wallet's "sign message", or{" "}
        <code>cast wallet sign</code>. Sign the text above as it stands.
      </p>
      <label for={id} class="text-sm font-medium">
        Signature
      </label>
      <textarea
        id={id}
        class="textarea textarea-sm w-full font-mono"
        rows={3}
        spellcheck={false}
        placeholder="0x…"
        value={signature}
        onInput={({ currentTarget }) => paste(currentTarget.value.trim())}
      />
      <button
        type="button"
        class="btn btn-sm mt-2"
        disabled={disabled || signature === ""}
        onClick={() => onSend(signature)}
      >
        Send
      </button>
    </details>
  );
}

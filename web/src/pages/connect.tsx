import { useId } from "preact/hooks";
import { hashes } from "../data/format.ts";
import { programsFor, STRATUM_PORT, type Algorithm, type MinerTarget } from "../../../core/miner-programs.ts";
import { algorithmOf, bridgeCommand, isWorkerName, websocatCommand } from "../data/miner-programs.ts";
import { useLiveFacts } from "../data/pool-facts.ts";
import { usePreference } from "../data/preferences.ts";
import { addressProblem, isAddress } from "../data/address.ts";
import { CopyLine, Missing, PageTitle, Panel } from "../ui/parts.tsx";

const PLACEHOLDER = "0xYOUR_ADDRESS";
const isHost = (text: string) => /^[0-9A-Za-z.-]{1,253}$/.test(text);

/** Writes the exact command lines for the visitor's own address, worker and network. */
export function ConnectPage() {
  const live = useLiveFacts();
  const facts = live.data;
  const [address] = usePreference("address");
  const [worker] = usePreference("worker");
  const [bridge] = usePreference("bridge");
  // What is not valid never reaches a command line, so that nothing that someone pasted can be more than an argument.
  const target: MinerTarget = {
    address: isAddress(address) ? address : PLACEHOLDER,
    worker: isWorkerName(worker) ? worker : "rig1",
    bridge: isHost(bridge) ? bridge : "127.0.0.1",
  };
  return (
    <>
      <PageTitle title="Connect a miner" />
      <Panel title="You" class="mb-4">
        <Visitor />
        {facts && (
          <p class="text-muted mt-2 text-sm">
            {`Chain ${facts.chain}. A share is ${hashes(Number(facts.shareDifficulty))} of work. `}
            {facts.vardiff
              ? "Programs that speak EthereumStratum get more work a share where the rig is fast, or the nearest to what the password asks for (d=… hashes); all others keep this. "
              : ""}
            It does not change what a rig earns: each share counts as the work that it proves.
          </p>
        )}
      </Panel>
      <Panel title="1. Start the bridge in your network" class="mb-4">
        <p class="mb-3 text-sm">
          Miners speak plain TCP, the pool speaks WebSockets. The bridge stands between them, once for all your rigs,
          and listens on port {STRATUM_PORT}. It needs Node.js 20 or later and nothing else. In Windows’ PowerShell
          write <code>curl.exe</code> for <code>curl</code>.
        </p>
        <CopyLine name="Bridge" text={bridgeCommand(location.origin)} />
      </Panel>
      <Panel title="2. Point your miner at it" class="mb-4">
        {facts ? <Programs target={target} algorithm={algorithmOf(facts)} /> : <Missing live={live} class="h-64" />}
      </Panel>
      <Panel title="Without the bridge">
        <p class="mb-3 text-sm">
          For a single miner any program that carries bytes between TCP and a WebSocket will do:
        </p>
        <CopyLine name="websocat" text={websocatCommand(location.origin, target)} />
      </Panel>
    </>
  );
}

function Visitor() {
  const [address, setAddress] = usePreference("address");
  const [worker, setWorker] = usePreference("worker");
  const [bridge, setBridge] = usePreference("bridge");
  const addressHint = (address !== "" && addressProblem(address)) || "0x and 40 hex digits; this is where payments go";
  const workerHint = "Up to 32 letters, digits, - and _";
  const bridgeHint = "The machine in your network that runs it";
  return (
    <div class="grid gap-x-4 gap-y-2 md:grid-cols-[2fr_1fr_1fr]">
      <Field
        label="Your address"
        hint={addressHint}
        value={address}
        valid={isAddress(address)}
        placeholder="0x…"
        onChange={setAddress}
      />
      <Field
        label="Worker"
        hint={workerHint}
        value={worker}
        valid={isWorkerName(worker)}
        placeholder="rig1"
        onChange={setWorker}
      />
      <Field
        label="Bridge, as miners see it"
        hint={bridgeHint}
        value={bridge}
        valid={isHost(bridge)}
        placeholder="127.0.0.1"
        onChange={setBridge}
      />
    </div>
  );
}

function Programs({ target, algorithm }: { target: MinerTarget; algorithm: Algorithm }) {
  const group = useId();
  return (
    <div class="flex flex-col gap-2">
      {programsFor(algorithm).map(({ name, command }, i) => (
        <details key={name} name={group} open={i === 0} class="collapse-arrow border-base-300 collapse border">
          <summary class="collapse-title min-h-0 py-2.5 font-medium">{name}</summary>
          <div class="collapse-content">
            <CopyLine name={name} text={command(target, algorithm)} />
          </div>
        </details>
      ))}
    </div>
  );
}

function Field({
  label,
  hint,
  value,
  valid,
  placeholder,
  onChange,
}: {
  label: string;
  hint: string;
  value: string;
  valid: boolean;
  placeholder: string;
  onChange: (value: string) => void;
}) {
  const id = useId();
  const wrong = value !== "" && !valid;
  return (
    <div>
      <label for={id} class="text-sm font-medium">
        {label}
      </label>
      <input
        id={id}
        class={`input input-sm w-full font-mono ${wrong ? "input-error" : ""}`}
        value={value}
        placeholder={placeholder}
        spellcheck={false}
        autocomplete="off"
        aria-invalid={wrong}
        aria-describedby={`${id}-hint`}
        onInput={({ currentTarget }) => onChange(currentTarget.value.trim())}
      />
      <p id={`${id}-hint`} class={`text-xs ${wrong ? "text-error" : "text-muted"}`}>
        {hint}
      </p>
    </div>
  );
}

import { useId, useState } from "preact/hooks";
import { KEEP, KEEP_AND_TEST } from "../../../core/accounts/settings-message.ts";
import {
  MINER_TOPICS,
  MOST_TARGETS,
  parseQuiet,
  TARGET_KINDS,
  targetProblem,
  targetsText,
  type MinerTarget,
  type MinerTopic,
  type TargetKind,
} from "../../../core/notifications/targets.ts";

const KIND_NAMES: Readonly<Record<TargetKind, string>> = {
  webhook: "Webhook (https URL)",
  telegram: "Telegram (chat number)",
  discord: "Discord (webhook URL)",
  email: "Mail",
};
const TOPIC_NAMES: Readonly<Record<MinerTopic, string>> = {
  offline: "rigs offline and back",
  hashrate: "hashrate fallen",
  payments: "payments",
};

interface Typed {
  readonly kind: TargetKind;
  readonly to: string;
  readonly topics: readonly MinerTopic[];
  readonly quiet: string;
}

const EMPTY: Typed = { kind: "telegram", to: "", topics: ["offline", "payments"], quiet: "" };

/** Where the miner wants to be told of its rigs. What is set is shown to nobody, so it stays, is tested, or is replaced as a whole. */
export function NotificationTargets({
  count,
  onChange,
  onWrong,
}: {
  count: number;
  onChange: (notifications: string) => void;
  onWrong: (wrong: boolean) => void;
}) {
  const id = useId();
  const [choice, choose] = useState("keep");
  const [typed, type] = useState<readonly Typed[]>([EMPTY]);
  const tell = (now: string, list: readonly Typed[]) => {
    const targets = now === "replace" ? list.map(targetOf) : [];
    const good = targets.filter((target) => target !== null);
    onWrong(good.length < targets.length);
    onChange(now === "keep" ? KEEP : now === "test" ? KEEP_AND_TEST : targetsText(good));
  };
  const put = (list: readonly Typed[]) => (type(list), tell(choice, list));
  const has = count === 1 ? "one target" : `${count} targets`;
  return (
    <div>
      <label for={id} class="text-sm font-medium">
        Tell me of my rigs
      </label>
      <select
        id={id}
        class="select select-sm block w-full max-w-xs"
        value={choice}
        onChange={({ currentTarget }) => (choose(currentTarget.value), tell(currentTarget.value, typed))}
      >
        <option value="keep">{count === 0 ? "nowhere" : `as it is (${has})`}</option>
        {count > 0 && <option value="test">as it is, and send a test</option>}
        {count > 0 && <option value="none">no more</option>}
        <option value="replace">{count === 0 ? "there …" : "there instead …"}</option>
      </select>
      {choice === "replace" && (
        <div class="mt-2 flex flex-col gap-3">
          {typed.map((one, at) => (
            <TargetFields
              // oxlint-disable-next-line react/no-array-index-key -- a target has no other name than its place
              key={at}
              typed={one}
              onChange={(now) => put(typed.map((other, i) => (i === at ? now : other)))}
            />
          ))}
          {typed.length < MOST_TARGETS && (
            <button type="button" class="btn btn-xs self-start" onClick={() => put([...typed, EMPTY])}>
              One more
            </button>
          )}
        </div>
      )}
    </div>
  );
}

/** Null while something of it is missing or wrong. */
function targetOf({ kind, to, topics, quiet }: Typed): MinerTarget | null {
  const hours = quiet === "" ? null : parseQuiet(quiet);
  const wrong = targetProblem(kind, to, false) !== null || topics.length === 0 || (quiet !== "" && hours === null);
  return wrong ? null : { kind, to, topics, quiet: hours };
}

function TargetFields({ typed, onChange }: { typed: Typed; onChange: (typed: Typed) => void }) {
  const id = useId();
  const problem = typed.to === "" ? null : targetProblem(typed.kind, typed.to, false);
  return (
    <fieldset class="flex flex-col gap-1">
      <div class="flex flex-wrap gap-2">
        <select
          class="select select-sm w-48"
          aria-label="Kind of target"
          value={typed.kind}
          onChange={({ currentTarget }) => {
            const kind = TARGET_KINDS.find((name) => name === currentTarget.value) ?? typed.kind;
            onChange({ ...typed, kind });
          }}
        >
          {TARGET_KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {KIND_NAMES[kind]}
            </option>
          ))}
        </select>
        <input
          class={`input input-sm max-w-md grow font-mono ${problem === null ? "" : "input-error"}`}
          aria-label="Address of the target"
          aria-invalid={problem !== null}
          aria-describedby={`${id}-hint`}
          autocomplete="off"
          value={typed.to}
          onInput={({ currentTarget }) => onChange({ ...typed, to: currentTarget.value.trim() })}
        />
        <input
          class="input input-sm w-36 font-mono"
          aria-label="Quiet hours, UTC"
          placeholder="22:00-07:00"
          value={typed.quiet}
          onInput={({ currentTarget }) => onChange({ ...typed, quiet: currentTarget.value.trim() })}
        />
      </div>
      <Topics typed={typed} onChange={onChange} />
      <p id={`${id}-hint`} class={`text-xs ${problem === null ? "text-muted" : "text-error"}`}>
        {problem === null ? "Quiet hours are UTC, and need not be set" : `Wanted: ${problem}`}
      </p>
    </fieldset>
  );
}

function Topics({ typed, onChange }: { typed: Typed; onChange: (typed: Typed) => void }) {
  return (
    <div class="flex flex-wrap gap-3">
      {MINER_TOPICS.map((topic) => (
        <label key={topic} class="flex items-center gap-1 text-sm">
          <input
            type="checkbox"
            class="checkbox checkbox-xs"
            checked={typed.topics.includes(topic)}
            onChange={({ currentTarget }) =>
              onChange({
                ...typed,
                topics: MINER_TOPICS.filter((one) =>
                  one === topic ? currentTarget.checked : typed.topics.includes(one),
                ),
              })
            }
          />
          {TOPIC_NAMES[topic]}
        </label>
      ))}
    </div>
  );
}

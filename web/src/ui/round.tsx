import { duration, hashes, percent } from "../data/format.ts";

/** How far the open round has come. Beyond 100 % the pool has been unlucky; there is no end to it. */
export function Round({ shares, difficulty, hashrate }: { shares: number; difficulty: number; hashrate: number }) {
  const effort = difficulty > 0 ? shares / difficulty : 0;
  const tone = effort <= 1 ? "progress-primary" : "progress-warning";
  return (
    <>
      <p class="figures text-2xl font-semibold" data-figure="Round effort">
        {difficulty > 0 ? percent(effort) : "unknown"}
      </p>
      <progress
        class={`progress ${tone} my-2 w-full`}
        value={Math.min(1, effort)}
        max={1}
        aria-label="Effort of the current round"
      />
      <dl class="figures text-muted grid grid-cols-2 gap-y-1 text-sm">
        <dt>Work done</dt>
        <dd class="text-right" data-figure="Round shares">
          {hashes(shares)}
        </dd>
        <dt>Work that a block takes</dt>
        <dd class="text-right">{difficulty > 0 ? hashes(difficulty) : "not known yet"}</dd>
        <dt>At this hashrate</dt>
        <dd class="text-right">{paceOf(hashrate, difficulty)}</dd>
      </dl>
    </>
  );
}

/** How long a block takes at this hashrate, in words. */
function paceOf(hashrate: number, difficulty: number): string {
  if (hashrate <= 0) return "no miner yet";
  return difficulty > 0 ? `${duration(difficulty / hashrate)} a block` : "not known yet";
}

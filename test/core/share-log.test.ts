import { describe, expect, it } from "vitest";
import { createLogger } from "../../core/log.ts";
import type { ShareSubmission } from "../../core/shares/share.ts";
import { shareLog } from "../../core/shares/share-log.ts";

const SHARE: ShareSubmission = {
  login: `0x${"a".repeat(40)}`,
  worker: "rig-1",
  nonce: "0x0000000000000001",
  mixDigest: null,
  job: {
    header: `0x${"1".repeat(64)}`,
    seed: `0x${"0".repeat(64)}`,
    height: 9,
    networkDifficulty: 100n,
    poolDifficulty: 10n,
    classTable: 0,
  },
  shareDifficulty: 10n,
  timestampMs: 17,
  retry: false,
};

function linesOf(enabled: boolean) {
  const lines: string[] = [];
  const log = createLogger({ level: "info", sink: (line) => lines.push(line), now: () => 0 });
  const write = shareLog(log, enabled);
  write(SHARE, { kind: "accepted", block: true }, 12);
  write({ ...SHARE, retry: true }, { kind: "unavailable", reason: "cold" }, 3);
  return lines.map((line) => JSON.parse(line) as object);
}

describe("the share log", () => {
  it("is silent unless it is switched on", () => {
    expect(linesOf(false)).toEqual([]);
  });

  it("writes one line a share under its correlation id", () => {
    const common = { time: "1970-01-01T00:00:00.000Z", level: "info", message: "share", height: 9, difficulty: "10" };
    const share = `${SHARE.login}/rig-1/17`;
    expect(linesOf(true)).toEqual([
      { ...common, share, verdict: "accepted", block: true, tookMs: 12 },
      { ...common, share, verdict: "unavailable", reason: "cold", retry: true, tookMs: 3 },
    ]);
  });
});

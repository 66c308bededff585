import { describe, expect, it } from "vitest";
import { createLogger, type LogLevel } from "../../core/log.ts";

function recorder(level: LogLevel) {
  const lines: { line: string; level: LogLevel }[] = [];
  const log = createLogger({
    level,
    sink: (line, at) => lines.push({ line, level: at }),
    now: () => 1_700_000_000_123,
  });
  return { lines, log };
}

describe("the log", () => {
  it("writes one JSON object a line with time, level, message and fields in that order", () => {
    const { lines, log } = recorder("info");
    log.info("share accepted", { share: "0xa/rig/1", height: 7, difficulty: 2n ** 64n, block: false });
    expect(lines).toEqual([
      {
        level: "info",
        line: '{"time":"2023-11-14T22:13:20.123Z","level":"info","message":"share accepted","share":"0xa/rig/1","height":7,"difficulty":"18446744073709551616","block":false}',
      },
    ]);
  });

  it("writes only lines of its level and graver, and says so beforehand", () => {
    const { lines, log } = recorder("warn");
    log.debug("a");
    log.info("b");
    log.warn("c");
    log.error("d");
    expect(lines.map((entry) => entry.level)).toEqual(["warn", "error"]);
    expect((["debug", "info", "warn", "error"] as const).map((level) => log.enabled(level))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  it("keeps line breaks of a miner's text inside the line, so that nobody can forge a log entry", () => {
    const { lines, log } = recorder("debug");
    log.warn('malformed\n{"level":"error"}', { line: 'x\r\n"y"', level: "error", time: "never" });
    expect(lines[0]?.line).not.toMatch(/[\r\n]/);
    expect(JSON.parse(lines[0]?.line ?? "")).toEqual({
      time: "2023-11-14T22:13:20.123Z",
      level: "warn",
      message: 'malformed\n{"level":"error"}',
      line: 'x\r\n"y"',
    });
  });

  it("carries common fields, lets a line override them, and leaves undefined out", () => {
    const { lines, log } = recorder("debug");
    log.with({ part: "session", login: "0xa" }).debug("hello", { login: "0xb", worker: undefined, ip: null });
    expect(JSON.parse(lines[0]?.line ?? "")).toEqual({
      time: "2023-11-14T22:13:20.123Z",
      level: "debug",
      message: "hello",
      part: "session",
      login: "0xb",
      ip: null,
    });
  });

  it("writes an error without its stack and never a secret", () => {
    const { lines, log } = recorder("debug");
    log.error("upstream failed", { error: new TypeError("bad"), restToken: "s3cr3t", Authorization: "Bearer x" });
    expect(JSON.parse(lines[0]?.line ?? "")).toMatchObject({
      error: "TypeError: bad",
      restToken: "[redacted]",
      Authorization: "[redacted]",
    });
  });
});

import { describe, expect, it } from "vitest";
import { createLogger } from "../../../core/log.ts";
import { namedWorker, parseLogin, workerName } from "../../../core/policy/login.ts";
import { RenamedWorkers } from "../../../core/policy/renamed-workers.ts";
import { WORKER_NAMES } from "../../support/getwork-cases.ts";
import { LOGIN, PoolDriver } from "./pool-driver.ts";

const share = (worker: string) =>
  `{"id":4,"method":"eth_submitWork","params":["0x0123456789abcdef","0x${"a".repeat(64)}","0x${"e".repeat(64)}"]${worker}}`;
const login = (user: string, worker: string) => `{"id":1,"method":"eth_submitLogin","params":["${user}"]${worker}}`;

/** What the operator is told of a login. */
function renamedBy(user: string, more = "") {
  const pool = new PoolDriver();
  pool.say(login(user, more));
  return pool.renamed;
}

describe("logins", () => {
  for (const [text, suffix] of [
    [LOGIN, ""],
    [LOGIN.toUpperCase().replace("0X", "0x"), ""],
    [LOGIN.slice(2), ""],
    [`${LOGIN}.rig-1`, "rig-1"],
    [`${LOGIN}/rig-1`, "rig-1"],
    [` ${LOGIN} `, ""],
  ] as const) {
    it(`reads ${JSON.stringify(text)}`, () => expect(parseLogin(text)).toEqual({ address: LOGIN, suffix }));
  }

  for (const text of [
    "",
    "0x",
    `${LOGIN}0`,
    `${LOGIN}-rig`,
    `0x${"0".repeat(40)}`,
    `x${LOGIN}`,
    `0x${"g".repeat(40)}`,
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => expect(parseLogin(text)).toBeNull());
  }
});

// Defect 11: the reference makes longer names 0, and refuses a login with a dot.
describe("worker names", () => {
  const cases: [what: string, candidates: string[], name: string][] = [
    ["takes the worker beside params", ["rig-1", "other"], "rig-1"],
    ["takes what follows the login when there is none", ["", "rig_2"], "rig_2"],
    ["does not take Claymore's and Phoenix' eth1.0", ["eth1.0", "rig2"], "rig2"],
    ["does not take eth-proxy's name", ["Proxy_0.0.5"], "0"],
    ["does not take the tail of the login", ["ba91506a", "rig"], "rig"],
    ["does not take the tail of the login in capitals", ["BA91506A"], "0"],
    ["takes 32 characters, where the reference stops at 8", ["a".repeat(32)], "a".repeat(32)],
    ["cuts a longer one at 32", ["a".repeat(33)], "a".repeat(32)],
    ["puts a hyphen for other characters", ["rig 1 (left)"], "rig-1-left"],
    ["keeps hyphens and underscores that were written", ["--rig__1--"], "--rig__1--"],
    ["takes the first usable part: not the mail address", ["rig7/me@example.org"], "rig7"],
    ["takes the first usable part: whatever stands where", ["me@example.org/rig7"], "rig7"],
    ["takes the first usable part: not the reference", ["rig#ref"], "rig"],
    ["takes the first usable part: behind an empty one", ["/rig"], "rig"],
    ["keeps a mail address behind a dot to itself", ["rig7.me@example.org"], "rig7"],
    ["keeps rigs of one farm apart that are told by a second dot", ["farm.2"], "farm-2"],
    ["does not take what has neither letter nor digit", ["@", "...", "/", "é", "rig"], "rig"],
    ["does not take the whole login, but what follows it there", [LOGIN, `${LOGIN}.rig`], "rig"],
    ["does not take a longer tail of the login", [LOGIN.slice(4), "rig"], "rig"],
    ["does not take a placeholder before a mail address", ["eth1.0/me@example.org"], "0"],
    ["takes a name of one character though the login ends in it", ["a"], "a"],
    ["gives 0 where there is nothing", [], "0"],
  ];
  for (const [what, candidates, name] of cases) {
    it(what, () => expect(workerName(LOGIN, ...candidates)).toBe(name));
  }

  it("are told from what was written, once where they differ", () => {
    expect(renamedBy(`${LOGIN}.rig7/me@example.org`)).toEqual([{ name: "rig7", written: "rig7/me@example.org" }]);
    expect(renamedBy(`${LOGIN}.@`)).toEqual([{ name: "0", written: "@" }]);
    expect([renamedBy(LOGIN), renamedBy(`${LOGIN}.rig`), renamedBy(LOGIN, ',"worker":"eth1.0"')]).toEqual([[], [], []]);
  });

  it("cannot fill the log: of those that are cleaned 256 are told", () => {
    const told: string[] = [];
    const log = createLogger({ level: "info", sink: (line) => told.push(line), now: () => 0 });
    const renamed = new RenamedWorkers();
    for (let at = 0; at < 600; at++) renamed.note(log, LOGIN, namedWorker(LOGIN, `rig ${at >> 1}`));
    expect(told).toHaveLength(256);
    expect(told.at(-1)).toContain('"written":"rig 255","worker":"rig-255"');
  });

  it("of a farm that writes mail addresses behind them are each rig's own, in every dialect", () => {
    for (const entry of [["eth_submitLogin"], ["mining.subscribe", "mining.authorize"]]) {
      const rigs = ["rig7/me@example.org", "rig8/me@example.org"].map((suffix) => {
        const pool = new PoolDriver();
        for (const method of entry) pool.say(`{"id":1,"method":"${method}","params":["${LOGIN}.${suffix}","x"]}`);
        return pool.state.worker;
      });
      expect(rigs).toEqual(["rig7", "rig8"]);
    }
  });

  const shares: [what: string, url: string, login: string, submit: string, name: string][] = [
    ["the login's own", "", login(LOGIN, ',"worker":"rig-1"'), share(""), "rig-1"],
    ["one that the submit names", "", login(LOGIN, ',"worker":"rig-1"'), share(',"worker":"rig-2"'), "rig-2"],
    [
      "that behind the dot when the submit says eth1.0",
      "",
      login(`${LOGIN}.rig2`, ""),
      share(',"worker":"eth1.0"'),
      "rig2",
    ],
    ["that behind the slash, over 8 characters", "", login(`${LOGIN}/basement-rig`, ""), share(""), "basement-rig"],
    ["the URL's where the miner names none", "shed", login(LOGIN, ""), share(""), "shed"],
    ["the miner's before the URL's", "shed", login(LOGIN, ',"worker":"rig"'), share(""), "rig"],
    ["0 where nobody names one", "", login(LOGIN, ',"worker":""'), share(""), "0"],
    ["0 where the worker is null", "", login(LOGIN, ',"worker":null'), share(',"worker":null'), "0"],
    [
      "the login's own where the submit's worker is no text",
      "",
      login(`${LOGIN}.rig`, ""),
      share(',"worker":7'),
      "rig",
    ],
  ];
  for (const [what, url, loginLine, submitLine, name] of shares) {
    it(`credits a share to ${what}`, () => {
      const pool = new PoolDriver({}, url);
      pool.say(loginLine, submitLine);
      expect(pool.shares.map(({ worker }) => worker)).toEqual([name]);
    });
  }

  for (const { what, band, suffix, worker, credited } of WORKER_NAMES) {
    const named = `,"worker":${JSON.stringify(band)}`;
    const user = suffix === "" ? LOGIN : `${LOGIN}.${suffix}`;
    for (const [dialect, lines] of Object.entries(rigOf(user, named, credited)))
      it(`in ${dialect} is ${credited}, as by HTTP getwork: ${what}`, () => {
        const pool = new PoolDriver({}, worker);
        pool.say(...lines);
        expect(pool.shares.map((submitted) => submitted.worker)).toEqual([credited]);
      });
  }
});

const say = (method: string, params: unknown) => `{"id":1,"method":"${method}","params":${JSON.stringify(params)}}`;

/** What a rig says until its first share, by dialect. @param user login and what follows it @param named the member `worker` of login and submit @param token that EthereumStratum/2 was given */
function rigOf(user: string, named: string, token: string): Readonly<Record<string, readonly string[]>> {
  const job = "a".repeat(16);
  const authorize = `{"id":2,"method":"mining.authorize","params":["${user}","x"]${named}}`;
  const submit = (params: readonly string[]) =>
    `{"id":3,"method":"mining.submit","params":${JSON.stringify(params)}${named}}`;
  const whole = ["0x0123456789abcdef", `0x${"a".repeat(64)}`, `0x${"e".repeat(64)}`];
  return {
    "eth-proxy": [login(user, named), share(named)],
    "plain stratum": [say("mining.subscribe", []), authorize, submit([user, job, ...whole])],
    "EthereumStratum/1": [
      say("mining.subscribe", ["x", "EthereumStratum/1.0.0"]),
      authorize,
      submit([user, job, "23456789ab"]),
    ],
    "EthereumStratum/2": [
      say("mining.hello", { proto: "EthereumStratum/2.0.0" }),
      say("mining.subscribe", []),
      authorize,
      submit([job, "23456789ab", token]),
    ],
  };
}

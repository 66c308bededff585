import { describe, expect, it } from "vitest";
import { parseLogin, workerName } from "../../../core/policy/login.ts";
import { LOGIN, PoolDriver } from "./pool-driver.ts";

const share = (worker: string) =>
  `{"id":4,"method":"eth_submitWork","params":["0x0123456789abcdef","0x${"a".repeat(64)}","0x${"e".repeat(64)}"]${worker}}`;
const login = (user: string, worker: string) => `{"id":1,"method":"eth_submitLogin","params":["${user}"]${worker}}`;

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

describe("worker names", () => {
  const cases: [what: string, candidates: string[], name: string][] = [
    ["takes the worker beside params", ["rig-1", "other"], "rig-1"],
    ["takes what follows the login when there is none", ["", "rig_2"], "rig_2"],
    ["does not take Claymore's and Phoenix' eth1.0", ["eth1.0", "rig2"], "rig2"],
    ["does not take eth-proxy's name", ["Proxy_0.0.5"], "0"],
    ["does not take the tail of the login", ["ba91506a", "rig"], "rig"],
    ["does not take the tail of the login in capitals", ["BA91506A"], "0"],
    ["takes 32 characters, where the reference stops at 8", ["a".repeat(32)], "a".repeat(32)],
    ["does not take 33 characters", ["a".repeat(33)], "0"],
    ["does not take other characters", ["rig 1", "räg", "rig:1"], "0"],
    ["takes a name of one character though the login ends in it", ["a"], "a"],
    ["gives 0 where there is nothing", [], "0"],
  ];
  for (const [what, candidates, name] of cases) {
    it(what, () => expect(workerName(LOGIN, ...candidates)).toBe(name));
  }

  const credited: [what: string, url: string, login: string, submit: string, name: string][] = [
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
  ];
  for (const [what, url, loginLine, submitLine, name] of credited) {
    it(`credits a share to ${what}`, () => {
      const pool = new PoolDriver({}, url);
      pool.say(loginLine, submitLine);
      expect(pool.shares.map(({ worker }) => worker)).toEqual([name]);
    });
  }
});

/** One POST of HTTP getwork and the world that it meets. */
export interface GetworkCase {
  readonly what: string;
  readonly body: string;
  /** What follows the login in the URL's first part, and the URL's worker. */
  readonly suffix?: string;
  readonly worker?: string;
  /** Left out: one backlog of two jobs, confirmed just now. */
  readonly work?: "none" | "old";
  /** Left out: accepted. */
  readonly verdict?: "accepted" | "block" | "duplicate" | "invalid" | "unavailable";
  /** The guard wants the client gone. */
  readonly refused?: boolean;
}

const GETWORK_LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const NOW = `0x${"a".repeat(64)}`;
const BEFORE = `0x${"b".repeat(64)}`;
const GONE = `0x${"7".repeat(64)}`;
const MIX = `0x${"e".repeat(64)}`;
const NONCE = "0x0123456789abcdef";

const call = (method: string, params?: unknown, more = "") =>
  `{"id":1,"method":"${method}"${params === undefined ? "" : `,"params":${JSON.stringify(params)}`}${more}}`;
const submit = (params: unknown = [NONCE, NOW, MIX], more = "") => call("eth_submitWork", params, more);
const plain = (what: string, body: string): GetworkCase => ({ what, body });

const IDS = ["7", "0", "-1", '"a"', '"ä\\n"', "null", "1.5", "1e3", "-0", "12345678901234567890", "true", "[]", "{}"];
const NO_REQUESTS = [
  "",
  " ",
  "\n",
  "{",
  "[]",
  "null",
  "1",
  '"eth_getWork"',
  "undefined",
  '{"id":1,"result":true}',
  '{"id":1,"error":null}',
  `[${call("eth_getWork")}]`,
  `${call("eth_getWork")}\n${call("eth_getWork")}`,
  '{"id":1,"method":5}',
  '{"id":1,"method":null}',
  '{"id":1,"method":"eth_getWork","params":1}',
  '{"id":1,"method":"eth_getWork","params":true}',
];
const REQUESTS = [
  "{}",
  '{"id":1}',
  '{"id":1,"method":"eth_getWork","result":1}',
  '{"method":"eth_getWork"}',
  '{"jsonrpc":"1.0","id":1,"method":"eth_getWork","params":null}',
  '{"id":1,"method":"eth_getWork","params":"x"}',
  '{"id":1,"method":"eth_getWork","params":{"a":1}}',
  `\n{\n  "id": 1,\n  "method": "eth_getWork"\n}\n`,
  `{"id":1,"method":"eth_getWork","pad":"${"x".repeat(1_500)}"}`,
  '{"id":1,"method":"ETH_GETWORK"}',
  '{"id":1,"method":""}',
  '{"id":1,"method":"__proto__"}',
];
const METHODS = [
  "eth_getBlockByNumber",
  "eth_submitHashrate",
  "eth_submitLogin",
  "eth_login",
  "eth_mining",
  "mining.subscribe",
  "mining.authorize",
  "mining.submit",
  "mining.hashrate",
  "mining.noop",
  "mining.hello",
  "mining.bye",
];
const SUBMITS: unknown[] = [
  [],
  ["0x1", "0x2"],
  [NONCE, NOW, MIX, "x"],
  [1, NOW, MIX],
  [NONCE, null, MIX],
  ["0123456789abcdef", NOW, MIX],
  ["0x01", NOW, MIX],
  [`${NONCE}00`, NOW, MIX],
  ["0x0123456789abcdeg", NOW, MIX],
  [NONCE, NOW.slice(2), MIX],
  [NONCE, NOW, MIX.slice(2)],
  [NONCE.toUpperCase(), NOW.toUpperCase(), MIX.toUpperCase()],
  [NONCE, BEFORE, MIX],
  [NONCE, GONE, MIX],
  "x",
  { nonce: NONCE },
];

/** What miners, proxies and others post, in every world that matters. */
export const GETWORK_CASES: readonly GetworkCase[] = [
  ...IDS.map((id) => plain(`an id of ${id}`, `{"id":${id},"method":"eth_getWork"}`)),
  ...NO_REQUESTS.map((body) => plain(`no request: ${JSON.stringify(body)}`, body)),
  ...REQUESTS.map((body) => plain(`a request: ${JSON.stringify(body).slice(0, 60)}`, body)),
  ...METHODS.map((method) => plain(`${method} without params`, call(method))),
  plain("a login", call("eth_submitLogin", [GETWORK_LOGIN])),
  plain("a login of another", call("eth_login", [`0x${"1".repeat(40)}`, "x"])),
  plain("the pending block", call("eth_getBlockByNumber", ["pending", false])),
  plain("a hashrate", call("eth_submitHashrate", ["0x1", "0x2"])),
  ...SUBMITS.map((params) => plain(`a submit of ${JSON.stringify(params)}`, submit(params))),
  ...(["none", "old"] as const).flatMap((work) =>
    [call("eth_getWork"), call("eth_getBlockByNumber"), call("eth_submitHashrate"), submit(), submit([]), "{"].map(
      (body) => ({ what: `work ${work}: ${body}`, body, work }),
    ),
  ),
  ...(["accepted", "block", "duplicate", "invalid", "unavailable"] as const).flatMap((verdict) =>
    [false, true].map((refused) => ({
      what: `a share that is ${verdict}${refused ? ", by a client that the guard refuses" : ""}`,
      body: submit(),
      verdict,
      refused,
    })),
  ),
  { what: "a stale share of a client that the guard refuses", body: submit([NONCE, GONE, MIX]), refused: true },
  { what: "a malformed request of a client that the guard refuses", body: "{", refused: true },
];

const named = (worker: string) => submit(undefined, `,"worker":${JSON.stringify(worker)}`);

/** A submit, what names its worker, and who is credited. */
interface NamedPost extends GetworkCase {
  readonly band: string;
  readonly suffix: string;
  readonly worker: string;
  readonly credited: string;
}

/** By what names the worker: in band, then behind the login, then in the URL, then 0, in every transport the same. */
export const WORKER_NAMES: readonly NamedPost[] = [
  ["", "", "", "0"],
  ["rig", "", "", "rig"],
  ["", "rig", "", "rig"],
  ["", "", "rig", "rig"],
  ["band", "suffix", "", "band"],
  ["band", "", "url", "band"],
  ["", "suffix", "url", "suffix"],
  ["band", "suffix", "url", "band"],
  ["eth1.0", "", "url", "url"],
  ["eth1.0", "suffix", "url", "suffix"],
  ["", "suffix", "eth1.0", "suffix"],
  ["", "Proxy_0.0.5", "url", "url"],
  ["band", "", "a".repeat(33), "band"],
  ["ba91506a", "", "rig 1", "rig-1"],
].map(([band = "", suffix = "", worker = "", credited = ""]) => ({
  what: `in band "${band}", behind the login "${suffix}", in the URL "${worker}"`,
  body: named(band),
  band,
  suffix,
  worker,
  credited,
}));

import { describe, expect, it } from "vitest";
import { INPUT_BOUNDS } from "../../core/session/input-bounds.ts";
import { IN_FLIGHT } from "../../core/session/share-gate.ts";
import { request, StratumClient } from "./stratum-client.ts";
import { headerOf, LOGIN, useStratumPool, world } from "./stratum-pool.ts";
import { eventually } from "../support/eventually.ts";

useStratumPool();

let last = 0;
/** Whoever breaks a bound may be banned. */
const ip = () => `198.51.100.${++last}`;
const loginLine = (login: string) => `{"id":1,"method":"eth_submitLogin","params":["${login}","x"]}`;
const GET_WORK = '{"id":5,"method":"eth_getWork","params":[]}';
const submit = (id: number) =>
  `{"id":${id},"method":"eth_submitWork","params":["0x${id.toString(16).padStart(16, "0")}","${headerOf(1)}","0x${"e".repeat(64)}"]}`;
const stranger = () => `0x${(++last).toString(16).padStart(40, "d")}`;

/** The same bounds wherever a connection is carried: by the login's object, by the Worker, or by the Worker for a login that nobody knows. */
const DOORS = [
  ["to a known login's URL", () => `/stratum/${LOGIN}`],
  ["in band", () => "/stratum"],
  ["to a stranger's URL", () => `/stratum/${stranger()}`],
] as const;

const TOO_MUCH = [
  ["a frame too large", new Uint8Array(INPUT_BOUNDS.frameBytes + 1), "Frame too large"],
  ["too many lines in a frame", "\n".repeat(INPUT_BOUNDS.frameLines + 1), "Too many lines in a frame"],
  [
    "too many lines before the login",
    "\n".repeat(INPUT_BOUNDS.linesBeforeLogin + 1),
    "Too many lines before the login",
  ],
  ["a line too long", `${"x".repeat(1_025)}\n`, "Line too long"],
  ["a line too long that has no end yet", "x".repeat(1_025), "Line too long"],
] as const;

describe.each(DOORS)("a connection %s", (_door, path) => {
  it.each(TOO_MUCH)("ends with %s", async (_what, sent, reason) => {
    const client = await StratumClient.connect(path(), ip());
    client.send(sent);
    expect(await client.closed()).toEqual({ code: 1008, reason });
  });

  it("goes on with as many lines before its login as there may be", async () => {
    const client = await StratumClient.connect(path(), ip());
    client.send("\n".repeat(INPUT_BOUNDS.linesBeforeLogin - 1));
    expect(await client.ask(GET_WORK)).toHaveLength(1);
  });
});

it("a logged-in connection goes on with as many lines in a frame as there may be", async () => {
  const client = await StratumClient.connect(`/stratum/${LOGIN}`, ip());
  await client.ask(loginLine(LOGIN), 2);
  client.send(`${GET_WORK}\n`.repeat(INPUT_BOUNDS.frameLines));
  expect(await client.read(INPUT_BOUNDS.frameLines)).toHaveLength(INPUT_BOUNDS.frameLines);
});

describe.each([
  ["of a known login's object", LOGIN],
  ["of a stranger", null],
])("a connection %s that says more than a second allows", (_whose, known) => {
  it("waits, however short its lines are, and is not refused", async () => {
    const login = known ?? stranger();
    const client = await StratumClient.connect(`/stratum/${login}`, ip());
    await client.ask(loginLine(login), 2);
    const { burstBytes, bytesPerSecond, emptyLineCost } = INPUT_BOUNDS;
    const sinceMs = performance.now();
    client.send("\n".repeat((burstBytes + bytesPerSecond) / emptyLineCost));
    expect(await client.ask(GET_WORK)).toHaveLength(1);
    // A busy machine only makes it longer.
    expect(performance.now() - sinceMs).toBeGreaterThan(990);
  });

  it("is closed where a megabyte waits already", async () => {
    const login = known ?? stranger();
    const client = await StratumClient.connect(`/stratum/${login}`, ip());
    await client.ask(loginLine(login), 2);
    for (let frames = 24; frames > 0; frames--) client.send("\n".repeat(INPUT_BOUNDS.frameLines));
    for (let frames = 8; frames > 0; frames--) client.send(`${"x".repeat(1_000)}\n`.repeat(250));
    expect(await client.closed()).toEqual({ code: 1008, reason: "Too much at once" });
  });
});

describe("shares in flight", () => {
  it.each([
    ["of a client of a known login", LOGIN, IN_FLIGHT.unproven],
    ["of a login that nobody knows", null, 1],
  ] as const)(
    "%s are few until one was valid, and none is refused for coming too fast",
    async (_whose, known, most) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      world.verdict = async () => {
        await promise;
        return { kind: "accepted", block: false };
      };
      const login = known ?? stranger();
      const client = await StratumClient.connect("/stratum", ip());
      await client.ask(loginLine(login), 2);
      client.send(Array.from({ length: 20 }, (_, at) => `${submit(100 + at)}\n`).join(""));
      await eventually(() => expect(world.shares).toHaveLength(most));
      // Another connection's question and answer: time in which more could have come.
      await (await StratumClient.connect(`/stratum/${LOGIN}`, ip())).ask(loginLine(LOGIN), 2);
      expect(world.shares).toHaveLength(most);
      resolve();
      const answers = await client.read(20);
      expect(answers.filter((line) => line.includes('"result":true'))).toHaveLength(20);
    },
  );
});

const SECRETS = {
  ADMIN_TOKEN: "admin-token-of-this-test",
  REDIS_TOKEN: "redis-token-of-this-test",
  NOTIFY_TOKEN: "notify-token-of-this-test",
};
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

describe("a body over its size", () => {
  it.each([
    ["HTTP getwork", `/${LOGIN}`, {}, 1_025, 413],
    ["HTTP getwork to nobody", "/nobody", {}, 1_025, 404],
    ["the operator's commands", "/admin/pause", bearer(SECRETS.ADMIN_TOKEN), 16_385, 413],
    ["the operator's decisions", "/admin/unresolved", bearer(SECRETS.ADMIN_TOKEN), 65_537, 413],
    ["the ledger", "/redis", bearer(SECRETS.REDIS_TOKEN), 10 * 1024 * 1024 + 1, 413],
    ["a node's push", `/notify/${SECRETS.NOTIFY_TOKEN}`, {}, 16_385, 413],
  ] as const)("is refused: %s", async (_what, path, headers, size, status) => {
    const init = { method: "POST", body: "x".repeat(size), headers: { "CF-Connecting-IP": ip(), ...headers } };
    expect((await request(path, init, SECRETS)).status).toBe(status);
  });
});

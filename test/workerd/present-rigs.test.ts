import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { PresentRigs } from "../../core/session/present-rigs.ts";
import { request, StratumClient } from "./stratum-client.ts";
import { LOGIN, useStratumPool } from "./stratum-pool.ts";
import { eventually } from "../support/eventually.ts";

const TOKEN = "operator-of-this-test-only";
const OTHER = `0x${"c7".repeat(20)}`;
useStratumPool([OTHER]);

/** As the notifier asks. */
const present = async (login = LOGIN): Promise<PresentRigs> => {
  const { paused, polling, connections } = await env.MINER_SESSION.getByName(login).presentRigs();
  return { paused, polling, connections: connections.toSorted((a, b) => a.worker.localeCompare(b.worker)) };
};

async function rig(worker: string, login = LOGIN): Promise<StratumClient> {
  const client = await StratumClient.connect(`/stratum/${login}`);
  await client.ask(`{"id":1,"method":"eth_submitLogin","params":["${login}.${worker}"]}`, 2);
  return client;
}

it("which rigs of a login have a connection is told of open sockets that have logged in, and of nobody else's", async () => {
  const nobody = { paused: false, polling: false, connections: [] };
  expect(await present()).toEqual(nobody);
  const [first] = [await rig("rig-1"), await rig("rig-2"), await rig("rig-9", OTHER)];
  await StratumClient.connect(`/stratum/${LOGIN}`);
  const difficulty = 2 ** 33;
  const connections = [
    { worker: "rig-1", difficulty },
    { worker: "rig-2", difficulty },
  ];
  expect(await present()).toEqual({ ...nobody, connections });
  expect((await present(OTHER)).connections).toEqual([{ worker: "rig-9", difficulty }]);

  first.close();
  await eventually(async () => expect((await present()).connections).toEqual(connections.slice(1)));

  const again = await rig("rig-1");
  expect((await present()).connections).toEqual(connections);
  again.close();
  await eventually(async () => expect((await present()).connections).toEqual(connections.slice(1)));
});

it("a login that asks over HTTP has no connection, and is there all the same", async () => {
  const body = '{"id":1,"jsonrpc":"2.0","method":"eth_getWork","params":[]}';
  const answer = await request(`/${LOGIN}/rig-1`, {
    method: "POST",
    body,
    headers: { "CF-Connecting-IP": "192.0.2.9" },
  });
  expect(answer.status).toBe(200);
  expect(await present()).toEqual({ paused: false, polling: true, connections: [] });
  expect((await present(OTHER)).polling).toBe(false);
});

it("a login that is paused says so, so that its silence tells nothing", async () => {
  await rig("rig-1");
  const init = {
    method: "POST",
    headers: { Authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ paused: true, login: LOGIN, note: "its owner is away" }),
  };
  expect((await request("/admin/pause", init, { ADMIN_TOKEN: TOKEN })).status).toBe(200);
  await eventually(async () => expect((await present()).paused).toBe(true));
  expect((await present(OTHER)).paused).toBe(false);
});

import { expect, it, vi } from "vitest";
import type { StrangersPlace } from "../../core/session/strangers-room.ts";
import { strangersRoom } from "../../worker/strangers.ts";
import { StratumClient } from "./stratum-client.ts";
import { LOGIN, useStratumPool } from "./stratum-pool.ts";

useStratumPool();

const NEW_LOGIN = `0x${"7".repeat(40)}`;

/** Takes all places that a client can get but for `left`. */
function fill(client: string, left = 0): StrangersPlace[] {
  const places: StrangersPlace[] = [];
  for (let place = strangersRoom.take(client, Date.now()); place; place = strangersRoom.take(client, Date.now()))
    places.push(place);
  for (const place of places.splice(places.length - left)) strangersRoom.giveBack(place);
  return places;
}

async function whenFree(client: string): Promise<void> {
  await vi.waitFor(() => expect(strangersRoom.hasRoom(client, Date.now())).toBe(true), { timeout: 120_000 });
}

it("a client that has filled its part of the room is refused with 429, others and known logins come in", async () => {
  const places = fill("192.0.2.50");
  await expect(StratumClient.connect("/stratum", "192.0.2.50")).rejects.toThrow(
    "no WebSocket: 429 Too many connections",
  );
  await expect(StratumClient.connect(`/stratum/${NEW_LOGIN}`, "192.0.2.50")).rejects.toThrow("no WebSocket: 429");
  for (const [path, ip] of [
    ["/stratum", "192.0.2.51"],
    [`/stratum/${NEW_LOGIN}`, "192.0.2.51"],
    [`/stratum/${LOGIN}`, "192.0.2.50"],
  ] as const)
    (await StratumClient.connect(path, ip)).close();
  for (const place of places) strangersRoom.giveBack(place);
});

it("a place is free again when its connection has gone, and when its login's object has it", async () => {
  const places = fill("192.0.2.52", 1);
  const silent = await StratumClient.connect("/stratum", "192.0.2.52");
  expect(strangersRoom.hasRoom("192.0.2.52", Date.now())).toBe(false);
  silent.close();
  await whenFree("192.0.2.52");
  const miner = await StratumClient.connect("/stratum", "192.0.2.52");
  expect(strangersRoom.hasRoom("192.0.2.52", Date.now())).toBe(false);
  await miner.ask(`{"id":1,"method":"eth_submitLogin","params":["${LOGIN}"]}`);
  await whenFree("192.0.2.52");
  miner.close();
  for (const place of places) strangersRoom.giveBack(place);
});

import { describe, expect, it } from "vitest";
import { MOST_STRANGERS, type StrangersPlace, StrangersRoom } from "../../../core/session/strangers-room.ts";

const NOW_MS = 1_700_000_000_000;

/** As many as fit. */
function fill(room: StrangersRoom, client: string, nowMs = NOW_MS): StrangersPlace[] {
  const places: StrangersPlace[] = [];
  for (let place = room.take(client, nowMs); place !== null; place = room.take(client, nowMs)) places.push(place);
  return places;
}

describe("the room of an isolate for connections without an object", () => {
  it("is bounded, and however many clients take what they can get, the next one gets a place", () => {
    const room = new StrangersRoom();
    let all = 0;
    for (let client = 0; client < 20; client++) {
      const places = fill(room, `198.51.100.${client}`).length;
      expect(places).toBeGreaterThan(0);
      all += places;
    }
    expect(all).toBeGreaterThan(MOST_STRANGERS * 0.9);
    for (let client = 0; client < 5_000; client++) all += fill(room, `2001:db8:0:${client.toString(16)}::/64`).length;
    expect(all).toBeLessThanOrEqual(MOST_STRANGERS);
  });

  it("gives one client no more than a fifth of it, and what it gives back is free again", () => {
    const room = new StrangersRoom();
    const places = fill(room, "198.51.100.1");
    expect(places.length).toBeLessThanOrEqual(MOST_STRANGERS / 5 + 1);
    for (const place of places) room.giveBack(place);
    for (const place of places) room.giveBack(place);
    expect(fill(room, "198.51.100.1")).toHaveLength(places.length);
  });

  it("counts nobody any more who has been gone without a word for longer than anybody may be a stranger", () => {
    const room = new StrangersRoom();
    const places = fill(room, "198.51.100.1").length;
    expect(room.take("198.51.100.1", NOW_MS + 40 * 60_000)).toBeNull();
    expect(fill(room, "198.51.100.1", NOW_MS + 46 * 60_000)).toHaveLength(places);
  });
});

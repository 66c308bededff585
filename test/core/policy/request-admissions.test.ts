import { describe, expect, test } from "vitest";
import type { Admission } from "../../../core/policy/guard.ts";
import { RequestAdmissions } from "../../../core/policy/request-admissions.ts";

const ALLOWED: Admission = { allowed: true, reason: "" };
const REFUSED: Admission = { allowed: false, reason: "banned" };
const CLIENT = "203.0.113.7";
const login = (n: number) => `0x${n.toString(16).padStart(40, "0")}`;

/** Asks as a Worker does. @returns how often the guard was asked, and what about */
function poll(admissions: RequestAdmissions, logins: readonly (string | null)[], nowMs: number): (string | null)[] {
  const asked: (string | null)[] = [];
  for (const one of logins) {
    const found = admissions.find(CLIENT, one, nowMs);
    if (!("ask" in found)) continue;
    asked.push(found.ask);
    admissions.keep(CLIENT, found.ask, ALLOWED, nowMs);
  }
  return asked;
}

describe("admissions of requests", () => {
  test("the guard is asked once in ten seconds about each of a site's logins, however they alternate", () => {
    const admissions = new RequestAdmissions();
    const polls = Array.from({ length: 40 }, (_, at) => login(at % 3));
    expect(poll(admissions, polls, 0)).toEqual([login(0), login(1), login(2)]);
    expect(poll(admissions, polls, 9_999)).toEqual([]);
    expect(poll(admissions, polls, 10_000)).toEqual([login(0), login(1), login(2)]);
  });

  test("a client that names ever new logins is asked about as a whole after eight of them", () => {
    const admissions = new RequestAdmissions();
    const names = Array.from({ length: 100 }, (_, at) => login(at));
    expect(poll(admissions, names, 0)).toEqual([...names.slice(0, 8), null]);
    expect(poll(admissions, names, 5_000)).toEqual([]);
  });

  test("another client is asked about by itself", () => {
    const admissions = new RequestAdmissions();
    admissions.keep(CLIENT, login(1), REFUSED, 0);
    expect(admissions.find(CLIENT, login(1), 1)).toEqual(REFUSED);
    expect(admissions.find("203.0.113.8", login(1), 1)).toEqual({ ask: login(1) });
  });

  test("what a client was admitted for is over when it is forgotten", () => {
    const admissions = new RequestAdmissions();
    admissions.keep(CLIENT, login(1), ALLOWED, 0);
    admissions.forget(CLIENT);
    expect(admissions.find(CLIENT, login(1), 1)).toEqual({ ask: login(1) });
  });
});

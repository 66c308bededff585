import type { Wallet } from "../../../core/api/answers.ts";

/** What the pool answers to its operator. */
export type Told<T> = { readonly ok: true; readonly told: T } | { readonly ok: false; readonly reason: string };

const REFUSED: Readonly<Record<number, string>> = {
  401: "The token is not this pool's.",
  404: "This pool has no ADMIN_TOKEN: its operator sets one with wrangler secret put ADMIN_TOKEN.",
};

function wordsOf(told: unknown): string | null {
  if (!(told instanceof Object)) return null;
  return "message" in told ? String(told.message) : "error" in told ? String(told.error) : null;
}

async function ask(token: string, path: string, body?: object): Promise<Told<unknown>> {
  try {
    const response = await fetch(`/admin/${path}`, {
      headers: { authorization: `Bearer ${token}` },
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
    const refused = REFUSED[response.status];
    if (refused !== undefined) return { ok: false, reason: refused };
    const told: unknown = await response.json();
    if (response.ok) return { ok: true, told };
    return { ok: false, reason: `The pool says: ${wordsOf(told) ?? `status ${response.status}`}.` };
  } catch {
    return { ok: false, reason: "The pool does not answer." };
  }
}

/** The wallet behind the pool's payments. Never rejects. @param token the pool's ADMIN_TOKEN */
export async function fetchWallet(token: string): Promise<Told<Wallet>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the page and the route are of one build
  return (await ask(token, "payouts/wallet")) as Told<Wallet>;
}

/** Pauses payments, or lets them go on. Never rejects. @param note why, for the pool's log */
export async function sendPause(token: string, kind: "pause" | "resume", note: string): Promise<Told<unknown>> {
  return await ask(token, "payouts", { kind, note });
}

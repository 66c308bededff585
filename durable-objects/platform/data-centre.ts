import type { Env } from "../env.ts";
import { loadConfig } from "./config.ts";

/** Answered by Cloudflare in whatever data centre the question comes from. No document promises it to Workers, so nothing rests on it. */
const TRACE = "https://www.cloudflare.com/cdn-cgi/trace";
const TIMEOUT_MS = 3_000;

/** Whoever has not said it is asked again after so long: each question may take {@link TIMEOUT_MS} of whoever looks at `/health`. */
const ASK_AGAIN_MS = 3_600_000;

/** Of this isolate, which is in one place. */
let here: { readonly dataCentre: string | null; readonly askedAtMs: number } | null = null;

/** The data centre that this runs in, by its airport's code. Null where Cloudflare does not say, and on a machine of one's own. */
export async function dataCentreHere(env: Env): Promise<string | null> {
  if (loadConfig(env).devnet) return null;
  const askedAtMs = Date.now();
  if (here !== null && (here.dataCentre !== null || askedAtMs - here.askedAtMs < ASK_AGAIN_MS)) return here.dataCentre;
  // Taken before the answer, which nobody else may wait for: it is lost with the request that has asked.
  here = { dataCentre: null, askedAtMs };
  here = { dataCentre: await ask(), askedAtMs };
  return here.dataCentre;
}

async function ask(): Promise<string | null> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(TRACE, { signal: limit.signal, redirect: "manual" });
    return /^colo=([A-Z]{3})$/m.exec(await response.text())?.[1] ?? null;
  } catch {
    return null;
  } finally {
    // A timer that still runs would keep the object in memory.
    clearTimeout(timer);
  }
}

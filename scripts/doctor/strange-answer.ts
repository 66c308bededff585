/** An answer as it came, whoever gave it. Header names in lower case. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Somebody between the client and the pool has answered in its place, or nobody could. */
export interface Trouble {
  readonly found: string;
  readonly fix: string;
}

const BOTS =
  "Security, Settings, Bot traffic: switch Bot Fight Mode off (no rule can make an exception of it), and lower Security Level or custom rules that challenge; miners cannot solve a challenge. Where the zone has to keep it, give the pool a zone or a workers.dev name of its own";

/** Cloudflare's own error pages, by the code that they name. */
const CLOUDFLARE: Readonly<Record<string, Trouble>> = {
  "1010": {
    found: "Cloudflare's Browser Integrity Check refuses it (error 1010)",
    fix: "Security, Settings: switch Browser Integrity Check off for the pool's host name (a configuration rule)",
  },
  "1015": {
    found: "a rate limiting rule of the zone refuses it (error 1015)",
    fix: "except the pool's host name from the zone's rate limiting rules: the pool counts its clients itself",
  },
  "1020": {
    found: "a firewall rule of the zone refuses it (error 1020)",
    fix: "Security, Events shows which rule; except the pool's host name from it",
  },
  "1033": {
    found: "the Cloudflare Tunnel of this name has no connector (error 1033)",
    fix: "start cloudflared there, and see that it runs with this tunnel's token",
  },
  "1101": {
    found: "the Worker threw an exception (error 1101)",
    fix: "npx wrangler tail --name <script> shows it, and restarts that script's objects; the version before it comes back with git checkout and npm run deploy",
  },
  "1102": {
    found: "the Worker exceeded its CPU or memory (error 1102)",
    fix: "the pool needs the Workers Paid plan: on the free one 10 ms of CPU end it",
  },
  "1027": {
    found: "the account has used up its requests of the day (error 1027)",
    fix: "the pool needs the Workers Paid plan",
  },
};

/** @returns null where the answer may well be the pool's own */
export function strangeAnswer({ status, headers, body }: RawAnswer): Trouble | null {
  const isChallenge = /challenge-platform|_cf_chl_opt|<title>Just a moment/i.test(body);
  if (headers["cf-mitigated"] === "challenge" || (isChallenge && status !== 200))
    return {
      found: `Cloudflare answers with a challenge page (status ${status}): Bot Fight Mode, or a rule`,
      fix: BOTS,
    };
  const location = headers["location"] ?? "";
  if (status >= 300 && status < 400 && /cloudflareaccess\.com|\/cdn-cgi\/access\//.test(location))
    return {
      found: "Cloudflare Access asks for a login",
      fix: "Zero Trust, Access: this name's application must not cover the pool (miners cannot log in); for a node, give the service token of a policy with the action Service Auth",
    };
  if (status >= 300 && status < 400)
    return {
      found: `it is redirected to ${location || "nowhere"}`,
      fix: "use the address that answers itself, with https",
    };
  const code = /error code: (\d{4})|Error (?:code )?(\d{4})/i.exec(body);
  const known = CLOUDFLARE[code?.[1] ?? code?.[2] ?? ""];
  if (known !== undefined && status >= 400) return known;
  if (status >= 520 && status <= 530)
    return {
      found: `Cloudflare cannot reach what is behind this name (status ${status})`,
      fix: "see that the tunnel or the server behind it runs, and that the name leads to it",
    };
  return null;
}

const BY_CODE: Readonly<Record<string, Trouble>> = {
  ENOTFOUND: {
    found: "no DNS record for this name",
    fix: "is it spelled right? A new custom domain takes some minutes",
  },
  ECONNREFUSED: { found: "nothing listens there", fix: "is the port right, and does it run?" },
  ECONNRESET: { found: "the connection was cut", fix: "what stands between here and there?" },
};

/** Why there was no answer. @param thrown by fetch or a socket */
export function noAnswer(thrown: unknown, timeoutMs: number): Trouble {
  if (thrown instanceof Error && (thrown.name === "TimeoutError" || thrown.name === "AbortError"))
    return { found: `no answer within ${timeoutMs / 1000} s`, fix: "is it up, and is the way to it open?" };
  const cause: unknown = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
  const code: unknown = cause instanceof Error ? Reflect.get(cause, "code") : undefined;
  const known = typeof code === "string" ? BY_CODE[code] : undefined;
  if (known !== undefined) return known;
  const text = cause instanceof Error ? cause.message : String(cause);
  if (typeof code === "string" && /CERT|TLS|SSL|SIGNED/.test(code))
    return {
      found: `its certificate is not accepted: ${text}`,
      fix: "a certificate of a public authority for this name",
    };
  return { found: `it cannot be reached: ${text}`, fix: "is the address right, and the network there?" };
}

import { ask, bearer, jsonOf, type Asked } from "./ask.ts";
import type { DoctorOptions } from "./options.ts";
import { fail, ok, skipped, warn, type Finding } from "./finding.ts";

/** A door for those who have its secret. */
interface Door {
  readonly check: string;
  readonly path: string;
  readonly secret: string;
  readonly init: RequestInit;
  readonly token: string | null;
}

const PING: RequestInit = { method: "POST", body: '["PING"]' };

const doors = ({ secrets }: DoctorOptions): readonly Door[] => [
  { check: "admin", path: "/admin/pause", secret: "ADMIN_TOKEN", init: {}, token: secrets.adminToken },
  { check: "metrics", path: "/metrics", secret: "METRICS_TOKEN", init: {}, token: secrets.metricsToken },
  { check: "books", path: "/redis", secret: "REDIS_TOKEN", init: PING, token: secrets.redisToken },
  { check: "books to read", path: "/redis", secret: "REDIS_READ_TOKEN", init: PING, token: secrets.redisReadToken },
];

/** The operator's doors: shut for everybody else, open with the right secret; and what stands behind them. */
export async function* operatorChecks(options: DoctorOptions): AsyncGenerator<Finding> {
  yield* unauthenticated(options);
  for (const door of doors(options)) {
    if (door.token === null) continue;
    yield withToken(door, await knock(options, door, door.token));
  }
  yield* pauseState(options);
  if (options.secrets.redisReadToken !== null) yield await readOnly(options, options.secrets.redisReadToken);
}

const knock = async ({ pool, timeoutMs }: DoctorOptions, { path, init }: Door, token: string | null): Promise<Asked> =>
  await ask(`${pool}${path}`, timeoutMs, { ...init, headers: token === null ? {} : bearer(token) });

const WRONG_TOKEN = "a-token-that-no-pool-has";

async function* unauthenticated(options: DoctorOptions): AsyncGenerator<Finding> {
  const open: string[] = [];
  for (const door of doors(options).slice(0, 3))
    for (const token of [null, WRONG_TOKEN]) {
      const asked = await knock(options, door, token);
      if (asked.kind === "answered" && asked.answer.status < 400 && !open.includes(door.path)) open.push(door.path);
    }
  const { pool, timeoutMs } = options;
  const pushed = await ask(`${pool}/notify/${WRONG_TOKEN}`, timeoutMs, { method: "POST", body: "[]" });
  // 400: what was pushed is wrong, and the token was not.
  if (pushed.kind === "answered" && [200, 400].includes(pushed.answer.status)) open.push("/notify");
  if (open.length === 0)
    yield ok("closed doors", "/admin, /metrics, /redis and /notify take no request without their secret");
  for (const path of open)
    yield fail(
      "closed doors",
      `${path} answers everybody, without a token`,
      "something in front of the pool adds the token, or the answer is not the pool's: take it away, and rotate the secret (npm run secret --)",
    );
}

function withToken({ check, path, secret }: Door, asked: Asked): Finding {
  if (asked.kind === "trouble") return fail(check, `${path}: ${asked.trouble.found}`, asked.trouble.fix);
  const { status } = asked.answer;
  if (status === 200) return ok(check, `${path} opens with ${secret}`);
  if (status === 401)
    return fail(
      check,
      `${secret} is not the pool's`,
      `npm run secret -- ${secret}, or the right one in the environment`,
    );
  if (status === 404 && path === "/redis")
    return fail(
      check,
      "/redis is not there: no secret, or the books are in a Redis",
      `npm run secret -- ${secret}, or give that Redis (UPSTASH_REDIS_REST_URL)`,
    );
  if (status === 404) return fail(check, `the pool has no secret ${secret}`, `npm run secret -- ${secret}`);
  return fail(check, `${path} answers ${status}`, "/health says what is wrong");
}

async function* pauseState(options: DoctorOptions): AsyncGenerator<Finding> {
  const { pool, timeoutMs, secrets } = options;
  if (secrets.adminToken === null) {
    yield skipped("paused", "not looked at: ADMIN_TOKEN is not in the environment");
    return;
  }
  const asked = await ask(`${pool}/admin/pause`, timeoutMs, { headers: bearer(secrets.adminToken) });
  if (asked.kind === "trouble" || asked.answer.status !== 200) return;
  const state: unknown = jsonOf(asked.answer);
  const paused = Object(state).paused === true;
  const logins: unknown = Object(state).logins;
  const some = Array.isArray(logins) ? logins.length : 0;
  if (paused) yield fail("paused", "the pool is paused", `npm run -s admin -- ${pool} resume --note …`);
  else if (some > 0) yield warn("paused", `${some} logins are paused`, `npm run -s admin -- ${pool} state`);
  else yield ok("paused", "no");
}

async function readOnly({ pool, timeoutMs }: DoctorOptions, token: string): Promise<Finding> {
  const init = { method: "POST", body: '["DEL","edgepool-doctor:nothing"]', headers: bearer(token) };
  const asked = await ask(`${pool}/redis`, timeoutMs, init);
  if (asked.kind === "answered" && asked.answer.body.includes("NOPERM"))
    return ok("books to read", "REDIS_READ_TOKEN cannot write");
  if (asked.kind === "answered" && asked.answer.status === 200)
    return fail("books to read", "REDIS_READ_TOKEN can write", "it is another secret's text: make a new one");
  return skipped("books to read", "whether it can write could not be tried");
}

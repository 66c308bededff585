import * as fc from "fast-check";
import { anyCharacter } from "./hostile-lines.ts";

/** The login that the fuzzed pool knows, with its key: made up for this, and never used for anything else. */
export const FUZZ_LOGIN = "0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f";
export const FUZZ_KEY = `0x${"46".repeat(32)}`;

/** Another one that it knows, of `hostile-lines.ts`. */
export const MINER = "0xb85150eb365e7df0941f0cf08235f987ba91506a";

/** Of the fuzzed pool. */
export const FUZZ_NOTIFY_TOKEN = "fuzz-notify-secret-1b3d5f7a9c";

const encoded = (maxLength: number) =>
  fc.string({ unit: anyCharacter, maxLength }).map((text) => encodeURIComponent(text.toWellFormed()));
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((some) => Buffer.from(some).toString("hex"));

/** Logins, and what stands in their place. */
export const login = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(FUZZ_LOGIN, MINER) },
  hex(20).map((digits) => `0x${digits}`),
  fc.constantFrom("0x", "0x12", `0x${"0".repeat(40)}`, `${FUZZ_LOGIN}.rig`, FUZZ_LOGIN.toUpperCase()),
  fc.constantFrom("constructor", "..", "%00"),
  encoded(60),
);
export const word = fc.oneof(
  fc.constantFrom("", "rig", "1d", "3h", "2y", "toString", "__proto__", "main", "eth1.0", "%2e%2e", "a".repeat(300)),
  encoded(30),
);
const number = fc.oneof(
  fc.nat().map(String),
  fc.constantFrom("0", "-1", "1e9", "999999999999999", "9007199254740993", "x"),
);
const token = fc.constantFrom(FUZZ_NOTIFY_TOKEN, "wrong");

const fixed = (path: string) => fc.constant(path);
const ranged = (path: string) => word.map((range) => `${path}?range=${range}`);
const ofAccount = (rest: string) => login.map((who) => `/api/accounts/${who}${rest}`);
const minerPaths = fc.tuple(login, word);

/** Paths for every route of the pool, by its pattern: `test/workerd/fuzz-routes.test.ts` compares them with the code. */
export const FUZZ_ROUTES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "/": fixed("/"),
  "/health": fixed("/health"),
  "/metrics": fixed("/metrics"),
  "/admin/*": word.map((rest) => `/admin/${rest}`),
  "/admin/bans": fixed("/admin/bans"),
  "/admin/lists": fixed("/admin/lists"),
  "/admin/pause": fixed("/admin/pause"),
  "/admin/state": fixed("/admin/state"),
  "/admin/audit": number.map((before) => `/admin/audit?before=${before}`),
  "/admin/unresolved": fixed("/admin/unresolved"),
  "/admin/reconcile": fixed("/admin/reconcile"),
  "/admin/payouts": fixed("/admin/payouts"),
  "/admin/payouts/wallet": fixed("/admin/payouts/wallet"),
  "/admin/payouts/audit": number.map((from) => `/admin/payouts/audit?from=${from}`),
  "/admin/payouts/plan": fixed("/admin/payouts/plan"),
  "/admin/payouts/waiting": fixed("/admin/payouts/waiting"),
  "/admin/payouts/mend": login.map((who) => `/admin/payouts/mend?after=${who}`),
  "/admin/recover": fixed("/admin/recover"),
  "/admin/payouts/:id{\\d{1,15}}": number.map((id) => `/admin/payouts/${id}`),
  "/admin/notifications": fixed("/admin/notifications"),
  "/admin/notifications/test": fixed("/admin/notifications/test"),
  "/notify/:token": fc.tuple(token, word).map(([secret, node]) => `/notify/${secret}?upstream=${node}`),
  "/redis": fixed("/redis"),
  "/redis/": fixed("/redis/"),
  "/redis/:path": fc.oneof(fc.constantFrom("pipeline", "multi-exec"), word).map((rest) => `/redis/${rest}`),
  "/api/*": word.map((rest) => `/api/${rest}`),
  "/api/stats": fixed("/api/stats"),
  "/api/miners": fixed("/api/miners"),
  "/api/blocks": fixed("/api/blocks"),
  "/api/blocks.csv": fixed("/api/blocks.csv"),
  "/api/payments": fixed("/api/payments"),
  "/api/payments.csv": fixed("/api/payments.csv"),
  "/api/payments/open": fixed("/api/payments/open"),
  "/api/overview": fixed("/api/overview"),
  "/api/pool": fixed("/api/pool"),
  "/api/history": ranged("/api/history"),
  "/api/blocks/:height/:hash": fc
    .tuple(
      number,
      hex(32).map((digits) => `0x${digits}`),
    )
    .map(([height, hash]) => `/api/blocks/${height}/${hash}`),
  "/api/accounts/:login": ofAccount(""),
  "/api/accounts/:login/settings": ofAccount("/settings"),
  "/api/accounts/:login/rewards": ofAccount("/rewards"),
  "/api/accounts/:login/rewards.csv": ofAccount("/rewards.csv"),
  "/api/accounts/:login/payments.csv": ofAccount("/payments.csv"),
  "/api/accounts/:login/payout": ofAccount("/payout"),
  "/api/accounts/:login/history": fc
    .tuple(login, word, word)
    .map(([who, range, worker]) => `/api/accounts/${who}/history?range=${range}&worker=${worker}`),
  "/api/accounts/:login/mail/:code{[0-9a-f]{64}}": fc
    .tuple(login, hex(32))
    .map(([who, code]) => `/api/accounts/${who}/mail/${code}`),
  "/stratum": fixed("/stratum"),
  "/stratum/*": minerPaths.map(([who, rig]) => `/stratum/${who}/${rig}`),
  "/:login{0[xX][^/]*}": login.map((who) => `/${who}`),
  "/:login{0[xX][^/]*}/*": minerPaths.map(([who, rig]) => `/${who}/${rig}`),
  "/*": fc.oneof(
    fixed("/bridge.mjs"),
    fc.array(word, { maxLength: 5 }).map((parts) => `/${parts.join("/")}`),
  ),
};

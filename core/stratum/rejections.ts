import type { GuardEvent } from "../policy/guard.ts";

/** How one reason for saying no goes over the wire in each dialect. */
export interface Rejection {
  readonly message: string;
  /** Code in eth-proxy and HTTP getwork; null: a bare `"result":false` without an error. */
  readonly code: number | null;
  /** Code in EthereumStratum/1.0.0 and plain stratum: 20 other, 21 job, 22 duplicate, 23 share, 24 login, 25 subscription. */
  readonly stratumCode: number;
  /** Code in EthereumStratum/2.0.0: 3xx not authorised, 4xx bad request, 5xx the pool's own trouble (EIP-1571). */
  readonly es2Code: number;
  /** `ethProxy`: only that dialect closes, as open-ethereum-pool does; the others keep the connection (docs/protocol.md, section 4). */
  readonly disconnect: "never" | "ethProxy" | "always";
  /** What the guard is told. */
  readonly report: GuardEvent | null;
}

/** Why a request was not granted. The only place where wire codes live (docs/protocol.md, section 1). */
export const REJECTIONS = {
  stale: {
    message: "Job not found",
    code: null,
    stratumCode: 21,
    es2Code: 404,
    disconnect: "never",
    report: null,
  },
  invalid: { message: "Invalid share", code: null, stratumCode: 23, es2Code: 406, disconnect: "never", report: null },
  /** A right proof of work whose nonce needs more than the miner was told: worth nothing, and nobody's fault (docs/protocol.md, section 7). */
  lowDifficulty: {
    message: "Low difficulty share",
    code: null,
    stratumCode: 23,
    es2Code: 406,
    disconnect: "never",
    report: null,
  },
  notReady: { message: "Work not ready", code: 0, stratumCode: 20, es2Code: 503, disconnect: "never", report: null },
  duplicate: { message: "Duplicate share", code: 22, stratumCode: 22, es2Code: 409, disconnect: "never", report: null },
  /** The guard has banned the client already where this and the next are said. */
  invalidLimit: {
    message: "Invalid share",
    code: 23,
    stratumCode: 23,
    es2Code: 406,
    disconnect: "always",
    report: null,
  },
  highRate: {
    message: "High rate of invalid shares",
    code: -1,
    stratumCode: 20,
    es2Code: 429,
    disconnect: "always",
    report: null,
  },
  invalidLogin: {
    message: "Invalid login",
    code: -1,
    stratumCode: 24,
    es2Code: 301,
    disconnect: "ethProxy",
    report: null,
  },
  blacklisted: {
    message: "You are blacklisted",
    code: -1,
    stratumCode: 24,
    es2Code: 303,
    disconnect: "always",
    report: "ban",
  },
  /** The client's IP is refused by the guard. */
  banned: {
    message: "You are banned",
    code: 0,
    stratumCode: 24,
    es2Code: 303,
    disconnect: "always",
    report: null,
  },
  notSubscribed: {
    message: "Not subscribed",
    code: 25,
    stratumCode: 25,
    es2Code: 302,
    disconnect: "ethProxy",
    report: null,
  },
  invalidParams: {
    message: "Invalid params",
    code: -1,
    stratumCode: 20,
    es2Code: 400,
    disconnect: "ethProxy",
    report: "malformed",
  },
  malformedPow: {
    message: "Malformed PoW result",
    code: -1,
    stratumCode: 20,
    es2Code: 400,
    disconnect: "ethProxy",
    report: "malformed",
  },
  /** A whole nonce from outside what the session was given to search: another session may have handed the same one in. */
  wrongExtranonce: {
    message: "Nonce does not begin with the extranonce",
    code: -1,
    stratumCode: 20,
    es2Code: 400,
    disconnect: "ethProxy",
    report: "malformed",
  },
  unknownMethod: {
    message: "Method not found",
    code: -3,
    stratumCode: 20,
    es2Code: 405,
    disconnect: "ethProxy",
    report: "malformed",
  },
  /** The same on a connection's first line: a miner that tries its dialects one after the other, not an attack. */
  unknownDialect: {
    message: "Method not found",
    code: -3,
    stratumCode: 20,
    es2Code: 405,
    disconnect: "always",
    report: null,
  },
  unsupportedProtocol: {
    message: "Bad protocol request",
    code: -3,
    stratumCode: 20,
    es2Code: 400,
    disconnect: "always",
    report: null,
  },
  malformedRequest: {
    message: "Malformed request",
    code: -1,
    stratumCode: 20,
    es2Code: 400,
    disconnect: "always",
    report: "malformed",
  },
} as const satisfies Record<string, Rejection>;

export type RejectReason = keyof typeof REJECTIONS;

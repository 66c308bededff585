import { namedWorker, type NamedWorker, parseLogin, workerName } from "../policy/login.ts";
import { classOf } from "../shares/difficulty-classes.ts";
import { DIALECTS, jobId, NOTHING_TOLD, pendingBlock } from "./dialects.ts";
import { resumedExtranonce, sessionIdWith } from "./extranonce.ts";
import { announce, awaitsFirstJob, extranonceOf, toldDifficulty, workFor } from "./give-job.ts";
import { parseLine, type RpcRequest } from "./json-rpc.ts";
import { type ClientMessage, dialectOf, type DialectName, readMessage, wholeNonce } from "./messages.ts";
import { startTrack } from "./prefix-track.ts";
import { REJECTIONS, type RejectReason } from "./rejections.ts";
import { noteNonce, UNKNOWN_REGION } from "./roaming.ts";
import {
  currentJob,
  type SessionContext,
  type SessionEffect,
  type SessionInput,
  type SessionState,
  type SessionStep,
} from "./session.ts";
import { askedClass, askedDifficulty, countShare, NO_VARDIFF } from "./vardiff.ts";

/** Malformed requests within a minute that close a connection in the dialects whose errors do not; told to EthereumStratum/2. */
const MAX_ERRORS = 32;
const ERROR_WINDOW_MS = 60_000;

/**
 * A connection that has sent nothing yet.
 * @param id unique name of the session
 * @param urlWorker worker in the connection's URL, empty where it names none
 */
export function newSession(id: string, urlWorker: string): SessionState {
  return {
    id,
    dialect: null,
    login: null,
    worker: "0",
    urlWorker,
    extranonce: "",
    canMove: false,
    region: UNKNOWN_REGION,
    waiting: null,
    job: null,
    told: NOTHING_TOLD,
    track: startTrack(""),
    vardiff: NO_VARDIFF,
    pace: { sinceMs: 0, shares: 0 },
    errors: { sinceMs: 0, count: 0 },
    closed: false,
  };
}

/** A session whose login came another way than by a line of the dialect's: in the URL of HTTP getwork. */
export function loggedInSession(fresh: SessionState, dialect: DialectName, login: string): SessionState {
  return { ...fresh, dialect, login, worker: workerName(login, fresh.urlWorker) };
}

/**
 * The stratum protocol: what one input does to a session. Pure; never throws, whatever the peer sends.
 * @example
 * const { state, effects } = handle(newSession(id, ""), { kind: "line", text: '{"id":1,"method":"eth_getWork"}' }, context, nowMs);
 */
export function handle(state: SessionState, input: SessionInput, context: SessionContext, nowMs: number): SessionStep {
  if (state.closed) return { state, effects: [] };
  return countErrors(react(state, input, context, nowMs), nowMs);
}

/** Where errors keep the connection, a peer that makes nothing but errors is closed all the same: each one costs a report. */
function countErrors(step: SessionStep, nowMs: number): SessionStep {
  if (!step.effects.some((effect) => effect.kind === "report" && effect.event === "malformed")) return step;
  const { errors } = step.state;
  const fresh = nowMs - errors.sinceMs >= ERROR_WINDOW_MS;
  const counted = fresh ? { sinceMs: nowMs, count: 1 } : { ...errors, count: errors.count + 1 };
  const state = { ...step.state, errors: counted };
  if (counted.count < MAX_ERRORS || state.closed) return { ...step, state };
  return end(state, step.effects, "Too many errors");
}

function react(state: SessionState, input: SessionInput, context: SessionContext, nowMs: number): SessionStep {
  switch (input.kind) {
    case "line":
      return onLine(state, input.text, context, nowMs);
    case "post":
      return onPost(state, input.text, context, nowMs);
    case "oversized":
      return end(state, [{ kind: "report", event: "ban" }], "Line too long");
    case "flood":
      return end(state, [{ kind: "report", event: input.event }], input.reason);
    case "authenticated":
      return onAuthenticated(state, input.allowed, context, nowMs);
    case "extranonce":
      return onExtranonce(state, input.value, context, nowMs);
    case "verdict":
      return onVerdict(state, input);
    case "work":
      return onWork(state, context, nowMs);
    case "silence":
      return awaitsFirstJob(state) ? announce(state, context, nowMs) : { state, effects: [] };
  }
}

function onLine(state: SessionState, text: string, context: SessionContext, nowMs: number): SessionStep {
  // Keep-alives of bridges; they renew the idle deadline and ask nothing.
  if (text.trim() === "") return { state, effects: [] };
  const parsed = parseLine(text);
  if (parsed.kind === "response") return { state, effects: [] };
  if (parsed.kind === "malformed") return reject(state, "null", "malformedRequest");
  const { request } = parsed;
  if (state.dialect !== null && state.login !== null) return onRequest(state, request, state.dialect, context, nowMs);
  const dialect = dialectOf(request, state.dialect);
  if (dialect === null) return reject(state, request.id, "unknownDialect");
  if (dialect === state.dialect) return onRequest(state, request, dialect, context, nowMs);
  // An extranonce that it was given stays lent to it; whether it takes another is to be said anew, in the new dialect.
  return onRequest({ ...state, dialect, canMove: false }, request, dialect, context, nowMs);
}

/** Every POST gets an answer, be it an empty one; it logs nobody in, and may ask for the pending block as the reference lets it. */
function onPost(state: SessionState, text: string, context: SessionContext, nowMs: number): SessionStep {
  const parsed = parseLine(text);
  if (parsed.kind !== "request") return reject(state, "null", "malformedRequest");
  const { request } = parsed;
  if (request.method === "eth_getblockbynumber") {
    const job = currentJob(context, nowMs);
    if (!job) return reject(state, request.id, "notReady");
    return reply(state, DIALECTS.ethProxy.result(request.id, pendingBlock(job)));
  }
  const message = readMessage(request, "ethProxy");
  if (message.method === "login") return reject(state, request.id, "unknownMethod");
  return onMessage(state, message, "ethProxy", context, nowMs);
}

function onRequest(
  state: SessionState,
  request: RpcRequest,
  dialect: DialectName,
  context: SessionContext,
  nowMs: number,
): SessionStep {
  return onMessage(state, readMessage(request, dialect), dialect, context, nowMs);
}

function onMessage(
  state: SessionState,
  message: ClientMessage,
  dialectName: DialectName,
  context: SessionContext,
  nowMs: number,
): SessionStep {
  const dialect = DIALECTS[dialectName];
  switch (message.method) {
    case "login":
      return onLogin(state, message, context);
    case "getWork": {
      const given = workFor(state, context, nowMs);
      if (given === null) return reject(state, message.id, "notReady");
      return reply(given.state, dialect.result(message.id, given.work));
    }
    case "submit":
      return onSubmit(state, message, context);
    case "hashrate":
      return onHashrate(state, message, dialect.granted(message.id));
    case "noop":
      return reply(state, dialect.granted(message.id));
    case "extranonceSubscribe":
      return reply({ ...state, canMove: dialect.extranonce }, dialect.granted(message.id));
    case "hello":
      return onHello(state, message.id, message.protocol, context);
    case "subscribe":
      return onSubscribe(state, message.id, message.resume, context);
    case "bye":
      return end(state, [], "Bye");
    case "illFormed":
      return reject(state, message.id, message.reason);
    case "unknown":
      return reject(state, message.id, "unknownMethod");
  }
}

/** Believed by nobody: it is shown beside what was measured, once the connection has shown that it mines. */
function onHashrate(
  state: SessionState,
  { rate, worker }: Extract<ClientMessage, { method: "hashrate" }>,
  granted: string,
): SessionStep {
  const step = reply(state, granted);
  if (state.login === null || rate === null) return step;
  const { name } = namedWorker(state.login, worker, state.worker);
  return { ...step, effects: [...step.effects, { kind: "hashrate", worker: name, rate }] };
}

function onHello(state: SessionState, id: string, protocol: string, context: SessionContext): SessionStep {
  if (!/^EthereumStratum\/2\.0\.0$/i.test(protocol)) return reject(state, id, "unsupportedProtocol");
  const timeout = Math.round(context.timeoutMs / 1000).toString(16);
  const hello = `{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"0","timeout":"${timeout}","maxerrors":"${MAX_ERRORS.toString(16)}","node":"edgepool"}`;
  return reply(state, DIALECTS.es2.result(id, hello));
}

function onSubscribe(state: SessionState, id: string, resume: string | null, context: SessionContext): SessionStep {
  const dialect = DIALECTS[state.dialect ?? "stratum"];
  if (!dialect.extranonce) return reply(state, subscribed(state, id));
  if (state.extranonce !== "") return reply(state, subscribed(state, id));
  // Under its old id a session that lost its connection gets its old extranonce: shares that it still has in hand keep their nonces.
  const kept = resume === null ? null : resumedExtranonce(resume);
  const canMove = state.canMove || dialect.name === "es2";
  return {
    state: { ...state, canMove, waiting: { for: "extranonce", id, resume } },
    effects: [{ kind: "allocate", class: context.lastClass(state.urlWorker), resume: kept }],
  };
}

function onExtranonce(state: SessionState, value: string | null, context: SessionContext, nowMs: number): SessionStep {
  const { waiting } = state;
  // For a change of class: it is searched from the next job on, and without it the old one is kept.
  if (waiting?.for !== "extranonce") {
    const moved = value === null ? state : { ...state, extranonce: value };
    if (waiting?.for !== "class") return { state: moved, effects: [] };
    return enter({ ...moved, waiting: null }, waiting.id, context, nowMs);
  }
  const answered = { ...state, waiting: null };
  if (value === null) {
    const { state: rejected, effects } = reject(answered, waiting.id, "notReady");
    return end(rejected, effects, "No extranonce");
  }
  const { resume } = waiting;
  const isResumed = resume !== null && resumedExtranonce(resume) === value;
  const id = isResumed ? resume : sessionIdWith(state.id, value);
  // EthereumStratum/2 says the extranonce with the first job.
  const told = state.dialect === "es1" ? { ...state.told, extranonce: value } : state.told;
  const ready = { ...answered, id, extranonce: value, told };
  return reply(ready, subscribed(ready, waiting.id));
}

/** ethminer wants three members in the array of EthereumStratum/1.0.0, a string in /2.0.0 and any array in plain stratum. */
function subscribed(state: SessionState, id: string): string {
  switch (state.dialect) {
    case "es1":
      return DIALECTS.es1.result(id, `[["mining.notify","${state.id}","EthereumStratum/1.0.0"],"${state.extranonce}"]`);
    case "es2":
      return DIALECTS.es2.result(id, `"s-${state.id}"`);
    default:
      return DIALECTS.stratum.result(id, `[["mining.notify","${state.id}"],""]`);
  }
}

function onLogin(
  state: SessionState,
  message: Extract<ClientMessage, { method: "login" }>,
  context: SessionContext,
): SessionStep {
  const { id, password } = message;
  const login = parseLogin(message.user);
  // The object of one login credits no other: a miner whose URL and login disagree has a mistake in its settings.
  if (!login || (context.owner !== null && login.address !== context.owner)) return reject(state, id, "invalidLogin");
  const { address, suffix } = login;
  if (state.dialect !== null && DIALECTS[state.dialect].extranonce && state.extranonce === "") {
    return reject(state, id, "notSubscribed");
  }
  const worker = namedWorker(address, message.worker, suffix, state.urlWorker);
  return {
    state: { ...state, waiting: { for: "login", id, address, worker: worker.name, password } },
    effects: [...renamed(address, worker), { kind: "authenticate", login: address }],
  };
}

function onAuthenticated(state: SessionState, allowed: boolean, context: SessionContext, nowMs: number): SessionStep {
  const { waiting, dialect } = state;
  if (waiting?.for !== "login" || dialect === null) return { state, effects: [] };
  const answered = { ...state, waiting: null };
  if (!allowed) return reject(answered, waiting.id, "blacklisted");
  const { id, address: login, worker, password } = waiting;
  const fixed = askedDifficulty(password);
  // Before the first login no share counts, so the difficulty of work that was asked for early binds nobody.
  const isFirst = state.login === null;
  const job = isFirst ? null : state.job;
  const told = isFirst ? { ...state.told, difficulty: null } : state.told;
  const pace = { sinceMs: nowMs, shares: 0 };
  const entered = { ...answered, login, worker, job, told, pace, vardiff: { ...NO_VARDIFF, fixed } };
  if (!DIALECTS[dialect].extranonce) return enter(entered, id, context, nowMs);
  const { terms, vardiff, lastClass } = context;
  const wanted = fixed === null ? lastClass(worker) : askedClass(fixed, terms, vardiff);
  if (wanted === classOf(state.extranonce, terms.classTable)) return enter(entered, id, context, nowMs);
  if (state.canMove) {
    return {
      state: { ...entered, waiting: { for: "class", id } },
      effects: [{ kind: "allocate", class: wanted, resume: null }],
    };
  }
  const { state: given, effects } = enter(entered, id, context, nowMs);
  return { state: given, effects: [...effects, { kind: "retarget", worker, class: wanted, move: false }] };
}

/** The answer to a login that is granted. */
function enter(state: SessionState, id: string, context: SessionContext, nowMs: number): SessionStep {
  // Some miners never ask for work and live on pushes: a job follows at once.
  const { state: given, effects } = announce(state, context, nowMs);
  // EthereumStratum/2 names the worker by a token from now on; its name is one that outlives every restart.
  const granted =
    state.dialect === "es2"
      ? DIALECTS.es2.result(id, `"${state.worker}"`)
      : DIALECTS[state.dialect ?? "ethProxy"].granted(id);
  return { state: given, effects: [send(granted), ...effects] };
}

function onSubmit(
  state: SessionState,
  message: Extract<ClientMessage, { method: "submit" }>,
  context: SessionContext,
): SessionStep {
  const { login, dialect } = state;
  if (login === null || dialect === null) return reject(state, message.id, "notSubscribed");
  const { work } = context;
  if (!work || work.paused) return reject(state, message.id, "notReady");
  const named = DIALECTS[dialect].extranonce
    ? (header: string) => jobId(header) === message.job
    : (header: string) => header === message.job;
  const job = work.jobs.find(({ header }) => named(header));
  const meant = namedWorker(login, message.worker, state.worker);
  const { name: worker } = meant;
  if (!job) {
    const stale = reject(state, message.id, "stale");
    return { ...stale, effects: [...stale.effects, { kind: "stale", worker }] };
  }
  const whole = wholeNonce(message.nonce, extranonceOf(state, job.header, context));
  if ("fault" in whole) return reject(state, message.id, whole.fault);
  const { nonce } = whole;
  const share = {
    login,
    worker,
    nonce: `0x${nonce}`,
    mixDigest: message.mixDigest,
    job,
    shareDifficulty: toldDifficulty(state, job, context),
    workHeight: work.current.height,
  };
  const region = DIALECTS[dialect].extranonce ? state.region : noteNonce(state.region, nonce, job.classTable);
  return {
    state: { ...state, region },
    effects: [...renamed(login, meant), { kind: "verify", id: message.id, share }],
  };
}

function renamed(login: string, worker: NamedWorker): readonly SessionEffect[] {
  return worker.written === "" || worker.written === worker.name ? [] : [{ kind: "renamed", login, worker }];
}

function onVerdict(state: SessionState, input: Extract<SessionInput, { kind: "verdict" }>): SessionStep {
  const { id, verdict, refused } = input;
  switch (verdict.kind) {
    case "accepted": {
      if (refused) return reject(state, id, "highRate");
      const pace = { ...state.pace, shares: state.pace.shares + 1 };
      return reply(
        { ...state, pace, vardiff: countShare(state.vardiff) },
        DIALECTS[state.dialect ?? "ethProxy"].granted(id),
      );
    }
    case "duplicate":
    case "lowDifficulty":
    case "stale":
      return reject(state, id, verdict.kind);
    case "invalid":
      return reject(state, id, refused ? "invalidLimit" : "invalid");
    case "unavailable":
      return reject(state, id, "notReady");
  }
}

function onWork(state: SessionState, context: SessionContext, nowMs: number): SessionStep {
  // Nothing is pushed before the login, and never a job that the peer has already: two jobs in one write confuse ethminer.
  if (state.login === null || state.waiting !== null) return { state, effects: [] };
  return context.work?.current.header === state.job ? { state, effects: [] } : announce(state, context, nowMs);
}

function send(line: string): SessionEffect {
  return { kind: "send", line };
}

function reply(state: SessionState, line: string): SessionStep {
  return { state, effects: [send(line)] };
}

function end(state: SessionState, effects: readonly SessionEffect[], reason: string): SessionStep {
  return { state: { ...state, closed: true }, effects: [...effects, { kind: "close", reason }] };
}

function reject(state: SessionState, id: string, reason: RejectReason): SessionStep {
  const dialect = DIALECTS[state.dialect ?? "ethProxy"];
  const { disconnect, message, report } = REJECTIONS[reason];
  const effects: SessionEffect[] = [send(dialect.rejection(id, reason))];
  if (report !== null) effects.push({ kind: "report", event: report });
  const closes = disconnect === "always" || (disconnect === "ethProxy" && dialect.name === "ethProxy");
  return closes ? end(state, effects, message) : { state, effects };
}

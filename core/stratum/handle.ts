import { epochOf } from "../chain-spec.ts";
import { parseLogin, workerName } from "../policy/login.ts";
import { DIALECTS, jobId, pendingBlock, workTriple } from "./dialects.ts";
import { changeDifficulty, difficultyOf, pruneTrack, startTrack } from "./difficulty-track.ts";
import { parseLine, type RpcRequest } from "./json-rpc.ts";
import { type ClientMessage, detectDialect, type DialectName, readMessage } from "./messages.ts";
import { REJECTIONS, type RejectReason } from "./rejections.ts";
import {
  currentJob,
  type SessionContext,
  type SessionEffect,
  type SessionInput,
  type SessionState,
  type SessionStep,
} from "./session.ts";
import { countShare, firstDifficulty, fixedDifficulty, NO_VARDIFF, retarget } from "./vardiff.ts";

/** Malformed requests within a minute that close a connection in the dialects whose errors do not; told to EthereumStratum/2. */
const MAX_ERRORS = 32;
const ERROR_WINDOW_MS = 60_000;

/**
 * A connection that has sent nothing yet.
 * @param id unique name of the session
 * @param urlWorker worker in the connection's URL, empty where it names none
 */
export function newSession(id: string, urlWorker: string, difficulty: bigint): SessionState {
  return {
    id,
    dialect: null,
    login: null,
    worker: "0",
    urlWorker,
    extranonce: "",
    waiting: null,
    job: null,
    told: null,
    track: startTrack(difficulty),
    vardiff: NO_VARDIFF,
    errors: { sinceMs: 0, count: 0 },
    closed: false,
  };
}

/** A session whose login came another way than by a line of the dialect's: in the URL of HTTP getwork. */
export function loggedInSession(fresh: SessionState, dialect: DialectName, login: string): SessionState {
  return { ...fresh, dialect, login, worker: workerName(login, fresh.urlWorker) };
}

/** The stratum protocol: what one input does to a session. Pure; never throws, whatever the peer sends. */
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
      return onExtranonce(state, input.value);
    case "verdict":
      return onVerdict(state, input);
    case "work":
      return onWork(state, context, nowMs);
  }
}

function onLine(state: SessionState, text: string, context: SessionContext, nowMs: number): SessionStep {
  // Keep-alives of bridges; they renew the idle deadline and ask nothing.
  if (text.trim() === "") return { state, effects: [] };
  const parsed = parseLine(text);
  if (parsed.kind === "response") return { state, effects: [] };
  if (parsed.kind === "malformed") return reject(state, "null", "malformedRequest");
  const { request } = parsed;
  if (state.dialect !== null) return onRequest(state, request, state.dialect, context, nowMs);
  const dialect = detectDialect(request);
  if (dialect === null) return reject(state, request.id, "unknownDialect");
  return onRequest({ ...state, dialect }, request, dialect, context, nowMs);
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
  const message = readMessage(request, "ethProxy", "");
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
  return onMessage(state, readMessage(request, dialect, state.extranonce), dialect, context, nowMs);
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
      const job = currentJob(context, nowMs);
      if (!job || !context.work) return reject(state, message.id, "notReady");
      const given = give(state, job.header, context, nowMs);
      const difficulty = difficultyOf(given.track, job.header, context.work.jobs);
      return reply(given, dialect.result(message.id, workTriple(job, difficulty)));
    }
    case "submit":
      return onSubmit(state, message, context);
    case "hashrate":
    case "noop":
    case "extranonceSubscribe":
      return reply(state, dialect.granted(message.id));
    case "hello":
      return onHello(state, message.id, message.protocol, context);
    case "subscribe":
      return onSubscribe(state, message.id, message.resume);
    case "bye":
      return end(state, [], "Bye");
    case "illFormed":
      return reject(state, message.id, message.reason);
    case "unknown":
      return reject(state, message.id, "unknownMethod");
  }
}

function onHello(state: SessionState, id: string, protocol: string, context: SessionContext): SessionStep {
  if (!/^EthereumStratum\/2\.0\.0$/i.test(protocol)) return reject(state, id, "unsupportedProtocol");
  const timeout = Math.round(context.timeoutMs / 1000).toString(16);
  const hello = `{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"0","timeout":"${timeout}","maxerrors":"${MAX_ERRORS.toString(16)}","node":"edgepool"}`;
  return reply(state, DIALECTS.es2.result(id, hello));
}

function onSubscribe(state: SessionState, id: string, resume: string | null): SessionStep {
  const dialect = DIALECTS[state.dialect ?? "stratum"];
  if (!dialect.extranonce) return reply(state, subscribed(state, id));
  if (state.extranonce !== "") return reply(state, subscribed(state, id));
  // Under its old id a session that lost its connection gets its old extranonce: shares that it still has in hand keep their nonces.
  const begun = { ...state, id: resume ?? state.id };
  return { state: { ...begun, waiting: { for: "extranonce", id } }, effects: [{ kind: "allocate" }] };
}

function onExtranonce(state: SessionState, value: string | null): SessionStep {
  const { waiting } = state;
  if (waiting?.for !== "extranonce") return { state, effects: [] };
  const answered = { ...state, waiting: null };
  if (value === null) {
    const { state: rejected, effects } = reject(answered, waiting.id, "notReady");
    return end(rejected, effects, "No extranonce");
  }
  const ready = { ...answered, extranonce: value };
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
  const worker = workerName(address, message.worker, suffix, state.urlWorker);
  return {
    state: { ...state, waiting: { for: "login", id, address, worker, password } },
    effects: [{ kind: "authenticate", login: address }],
  };
}

function onAuthenticated(state: SessionState, allowed: boolean, context: SessionContext, nowMs: number): SessionStep {
  const { waiting, dialect } = state;
  if (waiting?.for !== "login" || dialect === null) return { state, effects: [] };
  const answered = { ...state, waiting: null };
  if (!allowed) return reject(answered, waiting.id, "blacklisted");
  const { id, address: login, worker, password } = waiting;
  const fixed = fixedDifficulty(password, context.difficulty, context.vardiff);
  // Before the first login no share counts, so the difficulty of work that was asked for early binds nobody.
  const job = state.login === null ? null : state.job;
  const entered = { ...answered, login, worker, job, vardiff: { ...NO_VARDIFF, sinceMs: nowMs, fixed } };
  // Some miners never ask for work and live on pushes: a job follows at once.
  const { state: given, effects } = announce(entered, context, nowMs);
  // EthereumStratum/2 names the worker by a token from now on; its name is one that outlives every restart.
  const granted = dialect === "es2" ? DIALECTS.es2.result(id, `"${worker}"`) : DIALECTS[dialect].granted(id);
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
  if (!work) return reject(state, message.id, "notReady");
  const named = DIALECTS[dialect].extranonce
    ? (header: string) => jobId(header) === message.job
    : (header: string) => header === message.job;
  const job = work.jobs.find(({ header }) => named(header));
  const worker = message.worker === "" ? state.worker : workerName(login, message.worker, state.worker);
  if (!job) {
    const stale = reject(state, message.id, "stale");
    return { ...stale, effects: [...stale.effects, { kind: "stale", worker }] };
  }
  const share = {
    login,
    worker,
    nonce: `0x${message.nonce}`,
    mixDigest: message.mixDigest,
    job,
    shareDifficulty: difficultyOf(state.track, job.header, work.jobs),
  };
  return { state, effects: [{ kind: "verify", id: message.id, share }] };
}

function onVerdict(state: SessionState, input: Extract<SessionInput, { kind: "verdict" }>): SessionStep {
  const { id, verdict, refused } = input;
  switch (verdict.kind) {
    case "accepted": {
      if (refused) return reject(state, id, "highRate");
      const vardiff = countShare(state.vardiff, input.difficulty, state.track.current);
      return reply({ ...state, vardiff }, DIALECTS[state.dialect ?? "ethProxy"].granted(id));
    }
    case "duplicate":
      return reject(state, id, "duplicate");
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

/** Gives the current job, with what the dialect has to say before it. */
function announce(state: SessionState, context: SessionContext, nowMs: number): SessionStep {
  const job = currentJob(context, nowMs);
  if (!job || !context.work || state.dialect === null) return { state, effects: [] };
  const given = give(state, job.header, context, nowMs);
  const difficulty = difficultyOf(given.track, job.header, context.work.jobs);
  const epoch = epochOf(context.chain, job.height).number;
  const lines = DIALECTS[state.dialect].job({
    job,
    difficulty,
    extranonce: state.extranonce,
    epoch,
    told: state.told,
  });
  return { state: { ...given, told: { difficulty, epoch } }, effects: lines.map((line) => send(line)) };
}

/** Notes that the peer gets a job; the only moment at which its difficulty may change. */
function give(state: SessionState, header: string, context: SessionContext, nowMs: number): SessionState {
  if (header === state.job) return state;
  const { vardiff, difficulty, work } = context;
  if (state.job === null) {
    const track = startTrack(firstDifficulty(state.vardiff, difficulty, vardiff));
    return { ...state, job: header, track, vardiff: { ...state.vardiff, sinceMs: nowMs } };
  }
  const track = pruneTrack(state.track, work?.jobs ?? []);
  if (state.vardiff.fixed !== null) {
    return { ...state, job: header, track: changeDifficulty(track, state.vardiff.fixed, header) };
  }
  if (vardiff === null) return { ...state, job: header, track };
  const next = retarget(state.vardiff, track.current, vardiff, nowMs);
  return { ...state, job: header, track: changeDifficulty(track, next.difficulty, header), vardiff: next.state };
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

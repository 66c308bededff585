import {
  RedisReplyError,
  RedisUnreachableError,
  type TransactionPort,
} from "../../../core/ledger/contract/redis-port.ts";
import { findCommand } from "../../../core/ledger/engine/commands.ts";
import { EXEC_ABORT, refuse, wrongArity } from "../../../core/ledger/engine/errors.ts";
import { replyTo, type Cursors } from "./replies.ts";
import { array, error, integer, NIL_ARRAY, status, value } from "./resp.ts";
import { execUnchanged, watch, type Watched } from "./watched-keys.ts";

/** What the connections of one port share. */
export interface Served {
  readonly ledger: TransactionPort;
  /** Commands that write are taken. */
  readonly writes: boolean;
  /** What AUTH must say; null: no password is asked for. */
  readonly password: string | null;
  readonly cursors: Cursors;
  /** @returns whether it is the password, in a time that tells nothing */
  readonly samePassword: (given: string) => boolean;
}

/** What goes back, and whether the connection ends with it. */
interface Answer {
  readonly reply: string;
  readonly close?: boolean;
}

const OK = status("OK");
/** As many commands go to the ledger in one request. */
const MAX_PIPELINE = 1_000;

type SessionCommand = (args: readonly string[]) => Answer | Promise<Answer>;

/** One client: what it has said with AUTH, MULTI and WATCH. Commands are answered in their order. */
export class RespSession {
  readonly #served: Served;
  #authenticated: boolean;
  /** Commands since MULTI. */
  #queue: (readonly string[])[] | null = null;
  #queueBroken = false;
  #watched = new Map<string, Watched>();

  constructor(served: Served) {
    this.#served = served;
    this.#authenticated = served.password === null;
  }

  /** @param commands what came together; plain commands in a row are one request to the ledger */
  async answer(commands: readonly (readonly string[])[]): Promise<Answer> {
    const replies: string[] = [];
    for (let at = 0; at < commands.length;) {
      const plain = this.#plainFrom(commands, at);
      if (plain.length > 0) {
        replies.push(...(await this.#forward(plain)));
        at += plain.length;
        continue;
      }
      const { reply, close = false } = await this.#one(commands[at] ?? []);
      replies.push(reply);
      if (close) return { reply: replies.join(""), close };
      at++;
    }
    return { reply: replies.join("") };
  }

  #plainFrom(commands: readonly (readonly string[])[], from: number): (readonly string[])[] {
    if (this.#queue !== null || !this.#authenticated) return [];
    const end = commands.findIndex(([name = ""], i) => i >= from && this.#own.has(name.toLowerCase()));
    return commands.slice(from, Math.min(end === -1 ? commands.length : end, from + MAX_PIPELINE));
  }

  async #one(command: readonly string[]): Promise<Answer> {
    const [name = "", ...args] = command;
    const lower = name.toLowerCase();
    if (!this.#authenticated && !["auth", "hello", "quit"].includes(lower))
      return { reply: error("NOAUTH Authentication required.") };
    const own = this.#own.get(lower);
    if (own !== undefined && (this.#queue === null || BEYOND_QUEUE.has(lower))) {
      try {
        return await own(args);
      } catch (failure) {
        return { reply: error(this.#problem(failure).message) };
      }
    }
    return { reply: this.#enqueue(command) };
  }

  #enqueue(command: readonly string[]): string {
    const refusal = this.#refusal(command);
    if (refusal === null) {
      this.#queue?.push(command);
      return status("QUEUED");
    }
    this.#queueBroken = true;
    return error(refusal.message);
  }

  /** Why a command is not sent to the ledger; null: it is. */
  #refusal(command: readonly string[]): RedisReplyError | null {
    const name = (command[0] ?? "").toLowerCase();
    try {
      const { writes } = findCommand(command, "script");
      if (!writes || this.#served.writes) return null;
      return refuse(`NOPERM this port only reads, and '${name}' writes: start it with --write and the token that may`);
    } catch (failure) {
      if (failure instanceof RedisReplyError) return failure;
      throw failure;
    }
  }

  async #forward(commands: readonly (readonly string[])[]): Promise<string[]> {
    const { ledger, cursors } = this.#served;
    const replies: (string | null)[] = [];
    const sent: (readonly string[])[] = [];
    for (const command of commands) {
      try {
        const refusal = this.#refusal(command);
        if (refusal !== null) throw refusal;
        sent.push(cursors.taken(command));
        replies.push(null);
      } catch (failure) {
        replies.push(error(this.#problem(failure).message));
      }
    }
    const found = sent.length === 0 ? [] : await this.#pipeline(ledger, sent);
    let next = 0;
    return replies.map((reply, i) => {
      if (reply !== null) return reply;
      const command = commands[i] ?? [];
      return replyTo(command, cursors.answered(command, found[next++] ?? null));
    });
  }

  /** An error that the ledger gives for the whole request is the answer to each command. */
  async #pipeline(ledger: TransactionPort, commands: readonly (readonly string[])[]) {
    try {
      return await ledger.pipeline(commands.map(sendable));
    } catch (failure) {
      const problem = this.#problem(failure);
      return commands.map(() => problem);
    }
  }

  /** A connection that were closed instead would make some clients send the same once more. @throws what is a defect */
  #problem(failure: unknown): RedisReplyError {
    if (failure instanceof RedisReplyError) return failure;
    if (!(failure instanceof RedisUnreachableError)) throw failure;
    const fate = failure.executed === "no" ? "nothing was done" : "whether it was done is not known";
    return new RedisReplyError(`ERR ${failure.message}; ${fate}`);
  }

  readonly #own: ReadonlyMap<string, SessionCommand> = new Map<string, SessionCommand>(
    Object.entries({
      auth: (args) => this.#auth(args.at(-1) ?? ""),
      hello: (args) => this.#hello(args),
      select: ([index]) => ({ reply: index === "0" ? OK : error("ERR DB index is out of range") }),
      quit: () => ({ reply: OK, close: true }),
      client: ([what = ""]) => ({ reply: CLIENT[what.toLowerCase()] ?? OK }),
      // What a client asks for when it connects; nothing depends on the answers.
      command: () => ({ reply: array([]) }),
      info: () => ({ reply: value("# Server\r\nredis_version:7.2.0\r\nredis_mode:standalone\r\nloading:0\r\n") }),
      // open-ethereum-pool's payouts ask for it. The books are durable before a write is answered.
      bgsave: () => ({ reply: status("Background saving started") }),
      multi: () => this.#multi(),
      exec: () => this.#exec(),
      discard: () => this.#discard(),
      watch: (keys) => this.#watch(keys),
      unwatch: () => {
        this.#watched.clear();
        return { reply: OK };
      },
    } satisfies Record<string, SessionCommand>),
  );

  #auth(given: string): Answer {
    if (this.#served.password === null)
      return { reply: error("ERR AUTH <password> called without any password configured for this port") };
    if (!this.#served.samePassword(given)) return { reply: error("WRONGPASS invalid username-password pair") };
    this.#authenticated = true;
    return { reply: OK };
  }

  #hello([version = "2", ...rest]: readonly string[]): Answer {
    if (version !== "2") return { reply: error("NOPROTO unsupported protocol version") };
    const at = rest.findIndex((word) => word.toLowerCase() === "auth");
    const refused = at === -1 ? null : this.#auth(rest[at + 2] ?? "");
    if (refused !== null && refused.reply !== OK) return refused;
    if (!this.#authenticated) return { reply: error("NOAUTH Authentication required.") };
    const fields = [value("server"), value("redis"), value("version"), value("7.2.0"), value("proto"), integer(2)];
    return { reply: array(fields) };
  }

  #multi(): Answer {
    if (this.#queue !== null) return { reply: error("ERR MULTI calls can not be nested") };
    this.#queue = [];
    this.#queueBroken = false;
    return { reply: OK };
  }

  #discard(): Answer {
    if (this.#queue === null) return { reply: error("ERR DISCARD without MULTI") };
    this.#queue = null;
    this.#watched.clear();
    return { reply: OK };
  }

  async #watch(keys: readonly string[]): Promise<Answer> {
    if (this.#queue !== null) return { reply: error("ERR WATCH inside MULTI is not allowed") };
    if (keys.length === 0) throw wrongArity("watch");
    // The check of EXEC is a script, which the token that reads may not run.
    if (!this.#served.writes) throw refuse("NOPERM this port only reads, and WATCH needs one that writes: --write");
    for (const key of keys) {
      // A key that is watched already keeps what it held then.
      if (!this.#watched.has(key)) this.#watched.set(key, await watch(this.#served.ledger, key));
    }
    return { reply: OK };
  }

  async #exec(): Promise<Answer> {
    const commands = this.#queue;
    if (commands === null) return { reply: error("ERR EXEC without MULTI") };
    const watched = this.#watched;
    this.#queue = null;
    this.#watched = new Map();
    if (this.#queueBroken) return { reply: error(EXEC_ABORT) };
    const { ledger, cursors } = this.#served;
    const own = commands.map((command) => cursors.taken(command));
    const replies =
      watched.size > 0 ? await execUnchanged(ledger, watched, own) : await ledger.transaction(own.map(sendable));
    if (replies === null) return { reply: NIL_ARRAY };
    const answered = replies.map((reply, i) => {
      const command = commands[i] ?? [];
      return replyTo(command, cursors.answered(command, reply));
    });
    return { reply: array(answered) };
  }
}

/** What is carried out also between MULTI and EXEC. */
const BEYOND_QUEUE: ReadonlySet<string> = new Set(["multi", "exec", "discard", "watch", "quit", "auth", "hello"]);

const CLIENT: Readonly<Record<string, string>> = { id: integer(1), getname: value(null), info: value("id=1\n") };

function sendable([name = "", ...args]: readonly string[]): [string, ...string[]] {
  return [name, ...args];
}

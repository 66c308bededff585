import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { auditBooks } from "../../core/ledger/books/audit.ts";
import { DumpError } from "../../core/ledger/books/dump.ts";
import { isUnreachable, type RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { AdminError, requestAdmin, strangeAnswer } from "../admin/ask-pool.ts";
import { keepCopy } from "./backup.ts";
import { openLedger } from "./open-ledger.ts";
import { pauseFor, resume } from "./pool-pause.ts";

/** Flags of `ledger recover`. */
export interface RecoverOptions {
  readonly at?: string;
  readonly bookmark?: string;
  readonly note: string;
  readonly coin: string;
  /** Folder for a copy of the books as they are before. */
  readonly to: string;
}

const BACK_WITHIN_MS = 60_000;
const ASK_AGAIN_MS = 1_000;

const answered = v.union([
  v.object({ ok: v.literal(true), bookmark: v.string(), undo: v.string() }),
  v.object({ ok: v.literal(false), message: v.string() }),
]);

/**
 * The embedded ledger goes back to a moment: pauses the pool, keeps a copy of the books as they are, has Cloudflare restore them, and audits
 * what is there then. The pool stays paused: what to look at before it goes on is the operator's. @throws DumpError, AdminError
 */
export async function recoverCommand(pool: string, { at, bookmark, note, coin, to }: RecoverOptions): Promise<void> {
  if ((at === undefined) === (bookmark === undefined)) throw new DumpError("one of --at and --bookmark is needed");
  const ledger = await openLedger(`${pool.replace(/\/$/, "")}/redis`);
  try {
    const { wasPaused } = await pauseFor(pool, note);
    const goOn = async (): Promise<void> => {
      if (!wasPaused) await resume(pool, note);
    };
    const undo = await restore().catch(async (error: unknown) => {
      await goOn();
      throw error;
    });
    await answersAgain(ledger.redis);
    const wrong = (await auditBooks(ledger.redis, coin)).filter(({ ok }) => !ok);
    for (const { check, detail } of wrong) say(`WRONG ${check}: ${detail}`);
    if (wrong.length > 0) process.exitCode = 1;
    else say("everything in them adds up");
    say(NEXT.replaceAll("<pool>", pool).replace("<undo>", undo));

    async function restore(): Promise<string> {
      say(`the books as they were before: ${await keepCopy(ledger.redis, coin, to)}`);
      const point = at === undefined ? { bookmark } : { at };
      const response = await requestAdmin(pool, "recover", { ...point, note });
      const answer = v.safeParse(v.pipe(v.string(), v.parseJson(), answered), response.text);
      if (!answer.success) throw strangeAnswer(response);
      if (!answer.output.ok) throw new AdminError(answer.output.message);
      say(`restored: ${answer.output.bookmark}`);
      return answer.output.undo;
    }
  } finally {
    await ledger.close();
  }
}

const NEXT = `
The pool is paused. Shares, blocks and payments of the time after that moment are in the copy and not in the books.
  going on     npm run -s admin -- <pool> resume --note "…"
  payments     logins that the books have forgotten payments of are not paid, and named on /health: npm run -s payouts -- <pool> mend 0x…
  going back   npm run -s ledger -- recover <pool> --bookmark <undo> --note "…"`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function answersAgain(redis: RedisPort): Promise<void> {
  for (const until = Date.now() + BACK_WITHIN_MS; ; await sleep(ASK_AGAIN_MS)) {
    try {
      await redis.command(["PING"]);
      return;
    } catch (error) {
      if (!isUnreachable(error) || Date.now() > until) throw error;
    }
  }
}

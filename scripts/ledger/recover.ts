import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { auditBooks } from "../../core/ledger/books/audit.ts";
import { DumpError } from "../../core/ledger/books/dump.ts";
import { isUnreachable, type RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { AdminError, requestAdmin, strangeAnswer } from "../admin/ask-pool.ts";
import { keepCopy } from "./backup.ts";
import { openLedger } from "./open-ledger.ts";
import { after, pauseOf } from "./pool-pause.ts";

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

/** With these the pool says that it has done nothing: a wrong moment, a pool that is not paused, a platform without a past. */
const REFUSALS = new Set([400, 409, 501]);

/** The pool has refused: the books are what they were. */
class Refused extends AdminError {}

/**
 * The embedded ledger goes back to a moment: pauses the pool, keeps a copy of the books as they are, has Cloudflare restore them, and audits
 * what is there then. The pool stays paused: what to look at before it goes on is the operator's. @throws DumpError, AdminError
 */
export async function recoverCommand(pool: string, { at, bookmark, note, coin, to }: RecoverOptions): Promise<void> {
  if ((at === undefined) === (bookmark === undefined)) throw new DumpError("one of --at and --bookmark is needed");
  const ledger = await openLedger(`${pool.replace(/\/$/, "")}/redis`);
  try {
    const pause = await pauseOf(pool, note);
    await pause.begin();
    const kept = await keepCopy(ledger.redis, coin, to).catch(async (error: unknown) => await after(error, pause.goOn));
    say(`the pool is paused; the books as they were before: ${kept}`);
    const point = at === undefined ? { bookmark } : { at };
    // Only a refusal says that nothing has changed: with any other error the books may have gone back.
    const undo = await restore(pool, { ...point, note }).catch(async (error: unknown) => {
      if (error instanceof Refused) return await after(error, pause.goOn);
      throw new AdminError(
        `${error instanceof Error ? error.message : String(error)}\n${NOT_KNOWN.replaceAll("<pool>", pool)}`,
      );
    });
    await answersAgain(ledger.redis);
    const wrong = (await auditBooks(ledger.redis, coin)).filter(({ ok }) => !ok);
    for (const { check, detail } of wrong) say(`WRONG ${check}: ${detail}`);
    if (wrong.length > 0) process.exitCode = 1;
    else say("everything in them adds up");
    say(NEXT.replaceAll("<pool>", pool).replace("<undo>", undo));
  } finally {
    await ledger.close();
  }
}

/** @returns the bookmark of the way back @throws Refused; any other error where it is not known what was done */
async function restore(pool: string, wanted: object): Promise<string> {
  const response = await requestAdmin(pool, "recover", wanted);
  const answer = v.safeParse(v.pipe(v.string(), v.parseJson(), answered), response.text);
  if (!answer.success) throw strangeAnswer(response);
  const { output } = answer;
  if (!output.ok) throw new (REFUSALS.has(response.status) ? Refused : AdminError)(output.message);
  say(`restored: ${output.bookmark}`);
  return output.undo;
}

const NOT_KNOWN = `It is not known whether the books went back, and they may do so later. The pool is paused and stays so; do not resume it before this command has come to its end.
  what was done   npm run -s admin -- <pool> audit: \`recovering\` has the bookmark of the state to go back to (\`back\`), and how it ended
  once more       the same command; or the way back: npm run -s ledger -- recover <pool> --bookmark … --note "…"`;

const NEXT = `
The pool is paused. Shares, blocks and payments of the time after that moment are in the copy and not in the books.
  going on     npm run -s admin -- <pool> resume --note "…"
  payments     logins that the books have forgotten payments of are not paid, and named on /health. When the pool goes on,
               npm run -s payouts -- <pool> mend --all --dry-run    shows them; with --note "…" in its place they are written again
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

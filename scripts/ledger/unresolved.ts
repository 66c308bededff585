import * as v from "valibot";
import { DumpError } from "../../core/ledger/books/dump.ts";
import { AdminError, requestAdmin, strangeAnswer } from "../admin/ask-pool.ts";

const record = v.object({
  login: v.string(),
  worker: v.string(),
  height: v.number(),
  shareDifficulty: v.string(),
  timestampMs: v.number(),
  nonce: v.string(),
});
const listed = v.object({
  shards: v.array(
    v.object({
      shard: v.number(),
      unresolvedCount: v.number(),
      unresolved: v.array(
        v.object({ id: v.number(), kind: v.string(), reason: v.string(), atMs: v.number(), body: v.string() }),
      ),
      settled: v.array(
        v.object({ id: v.number(), action: v.string(), note: v.string(), atMs: v.number(), body: v.string() }),
      ),
    }),
  ),
});
const settled = v.object({ settled: v.array(v.string()), notSettled: v.array(v.string()) });
const reconciled = v.object({ records: v.number() });

type Listed = v.InferOutput<typeof listed>;

/** One request to the pool's admin routes. @throws AdminError with a text for the operator */
async function ask<T>(pool: string, path: string, schema: v.GenericSchema<unknown, T>, body?: unknown): Promise<T> {
  const response = await requestAdmin(pool, path, body);
  if (!response.ok) throw strangeAnswer(response);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), response.text);
  if (!parsed.success)
    throw new AdminError("the pool's answer is not understood; is this checkout of the same version?");
  return parsed.output;
}

function describe(body: string): string {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), record), body);
  if (!parsed.success) return `unreadable ${body.slice(0, 200)}`;
  const { login, worker, height, shareDifficulty, timestampMs, nonce } = parsed.output;
  return `${login} ${worker}, height ${height}, difficulty ${shareDifficulty}, nonce ${nonce}, ${at(timestampMs)}`;
}

const at = (ms: number) => new Date(ms).toISOString();

/** What waits for a decision, and with `log` what was decided. */
export async function listUnresolved(pool: string, options: { log?: boolean; json?: boolean }): Promise<void> {
  const view = await ask(pool, "unresolved", listed);
  if (options.json) return print(JSON.stringify(view));
  for (const line of options.log ? logLines(view) : waitingLines(view)) print(line);
}

function waitingLines({ shards }: Listed): string[] {
  const lines = shards.flatMap(({ shard, unresolved }) =>
    unresolved.map(({ id, kind, reason, body }) => `${shard}:${id}  ${kind} of ${describe(body)}: ${reason}`),
  );
  const all = shards.reduce((sum, { unresolvedCount }) => sum + unresolvedCount, 0);
  if (all === 0) return ["nothing waits for a decision"];
  return lines.length < all ? [...lines, `and ${all - lines.length} more`] : lines;
}

function logLines({ shards }: Listed): string[] {
  return shards.flatMap(({ shard, settled: done }) =>
    done.map(({ action, note, atMs, body }) => `${at(atMs)}  shard ${shard}  ${action}: ${describe(body)}: ${note}`),
  );
}

/** Credits or drops records. @param ids as they are listed; none of them: all that wait */
export async function settleUnresolved(
  action: "credit" | "drop",
  pool: string,
  ids: readonly string[],
  options: { all?: boolean; note: string },
): Promise<void> {
  if (ids.length === 0 && !options.all) throw new DumpError("which ones? Name the ids that list shows, or say --all");
  const chosen =
    ids.length > 0
      ? ids
      : (await ask(pool, "unresolved", listed)).shards.flatMap(({ shard, unresolved }) =>
          unresolved.map(({ id }) => `${shard}:${id}`),
        );
  let left = 0;
  for (let from = 0; from < chosen.length; from += 1_000) {
    const body = { action, ids: chosen.slice(from, from + 1_000), note: options.note };
    const { settled: done, notSettled } = await ask(pool, "unresolved", settled, body);
    for (const id of done) print(`${id}  ${action === "credit" ? "on its way into the ledger" : "dropped"}`);
    for (const id of notSettled) print(`${id}  not there, or cannot be read and only be dropped`);
    left += notSettled.length;
  }
  if (left > 0) process.exitCode = 1;
}

/** What the ledger acknowledged in the last minute is sent to it again. */
export async function reconcile(pool: string): Promise<void> {
  const { records } = await ask(pool, "reconcile", reconciled, {});
  print(`${records} records of the last minute are sent to the ledger again; what it has is not credited twice`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

import * as v from "valibot";
import { AdminError, requestAdmin, strangeAnswer } from "../admin/ask-pool.ts";

const pageSchema = v.object({
  logins: v.array(
    v.object({
      login: v.string(),
      lines: v.array(v.object({ id: v.number(), amountShannon: v.string(), to: v.string() })),
      problem: v.nullable(v.string()),
    }),
  ),
  next: v.nullable(v.string()),
});
type Logins = v.InferOutput<typeof pageSchema>["logins"];

/**
 * Shows what the ledger has forgotten and the chain proves, login by login, and then writes it, page by page; what is left is told with its reason.
 * Exit code 1 where something is left. @param note why, for the log @throws AdminError
 */
export async function mendAll(pool: string, note: string, dryRun: boolean): Promise<void> {
  if (!dryRun && note === "")
    throw new AdminError("--note says why: every change needs one; --dry-run only shows the plan");
  const plan = await everyPage(async (after) => await page(pool, pathAfter(after)));
  print(plan, dryRun ? "would be written" : "are to be written");
  if (dryRun || !plan.some(({ lines }) => lines.length > 0)) return exit(plan);
  const done = await everyPage(
    async (after) =>
      await page(pool, "payouts", { kind: "mend-all", after, note: `${note}${after === null ? "" : ", on"}` }),
  );
  process.stdout.write(`${paymentsOf(done)} payment(s) were written again\n`);
  const left = await everyPage(async (after) => await page(pool, pathAfter(after)));
  if (left.length > 0) print(left, "are left");
  return exit(left);
}

function exit(left: Logins): void {
  if (left.some(({ problem }) => problem !== null)) process.exitCode = 1;
}

const pathAfter = (after: string | null): string => `payouts/mend${after === null ? "" : `?after=${after}`}`;

const paymentsOf = (logins: Logins): number => logins.reduce((sum, { lines }) => sum + lines.length, 0);

async function everyPage(ask: (after: string | null) => Promise<v.InferOutput<typeof pageSchema>>): Promise<Logins> {
  const logins: Logins = [];
  for (let after: string | null = null; ;) {
    const { logins: some, next } = await ask(after);
    logins.push(...some);
    if (next === null) return logins;
    after = next;
  }
}

async function page(pool: string, path: string, body?: object) {
  const response = await requestAdmin(pool, path, body);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), pageSchema), response.text);
  if (!parsed.success) throw strangeAnswer(response);
  return parsed.output;
}

function print(logins: Logins, what: string): void {
  for (const { login, lines, problem } of logins) {
    for (const { id, amountShannon, to } of lines)
      process.stdout.write(`${login} payment ${id}, ${amountShannon} Shannon: ${to}\n`);
    if (problem !== null) process.stdout.write(`${login} needs you: ${problem}\n`);
  }
  process.stdout.write(`${paymentsOf(logins)} payment(s) of ${logins.length} login(s) ${what}\n`);
}

import * as v from "valibot";
import type { WranglerRun } from "../../core/deploy/rollout.ts";

const listed = v.pipe(v.string(), v.parseJson(), v.array(v.object({ id: v.string(), title: v.string() })));

interface Namespace {
  readonly binding: string;
  readonly id?: string | undefined;
}

const plain = (title: string): string => title.toLowerCase().replaceAll("_", "-");

/**
 * The KV namespaces with their ids. Two scripts share one, so Wrangler must not make one for each: where wrangler.toml names no id it is looked
 * for by its title, and made where there is none.
 * @throws Error with Wrangler's words
 */
export async function marksOf(
  namespaces: readonly Namespace[],
  pool: string,
  wrangler: (args: readonly string[]) => Promise<WranglerRun>,
  say: (text: string) => void,
): Promise<Namespace[]> {
  const titled = (binding: string) => plain(`${pool}-${binding}`);
  const list = async () => {
    const run = await wrangler(["kv", "namespace", "list"]);
    if (run.code !== 0) throw new Error(`the KV namespaces cannot be listed: ${run.stderr}${run.stdout}`);
    return v.parse(listed, run.stdout);
  };
  const found: Namespace[] = [];
  for (const { binding, id } of namespaces) {
    const known = id ?? (await list()).find(({ title }) => plain(title) === titled(binding))?.id;
    if (known !== undefined) {
      found.push({ binding, id: known });
      continue;
    }
    say(`making the KV namespace ${titled(binding)}`);
    const made = await wrangler(["kv", "namespace", "create", titled(binding)]);
    if (made.code !== 0) throw new Error(`${titled(binding)} cannot be made: ${made.stderr}${made.stdout}`);
    const now = (await list()).find(({ title }) => plain(title) === titled(binding));
    if (now === undefined) throw new Error(`${titled(binding)} was made and is not in the list`);
    found.push({ binding, id: now.id });
  }
  return found;
}

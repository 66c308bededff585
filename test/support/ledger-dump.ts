/** Everything that a ledger holds: by key its type and content, as Redis itself would tell it. All values are strings. */
export type LedgerDump = Record<
  string,
  { readonly type: string; readonly content: Record<string, string> | string[] | string }
>;

type Rest = (command: readonly string[]) => Promise<unknown>;

/** A ledger behind an Upstash REST endpoint, read with nothing but `fetch`. */
export function restReader(endpoint: { readonly url: string; readonly token: string }): Rest {
  return async (command) => {
    const reply = await fetch(endpoint.url, {
      method: "POST",
      headers: { authorization: `Bearer ${endpoint.token}` },
      body: JSON.stringify(command),
    });
    const body: unknown = await reply.json();
    if (!reply.ok) throw new Error(`${command[0]}: ${JSON.stringify(body)}`);
    return Reflect.get(Object(body), "result");
  };
}

const strings = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

function pairs(flat: string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at < flat.length; at += 2) found[flat[at] ?? ""] = flat[at + 1] ?? "";
  return found;
}

async function content(rest: Rest, key: string, type: string): Promise<LedgerDump[string]["content"]> {
  switch (type) {
    case "hash":
      return pairs(strings(await rest(["HGETALL", key])));
    case "zset":
      return pairs(strings(await rest(["ZRANGE", key, "0", "-1", "WITHSCORES"])));
    case "set":
      return strings(await rest(["SMEMBERS", key])).toSorted((a, b) => (a < b ? -1 : 1));
    default:
      return String(await rest(["GET", key]));
  }
}

async function keysOf(rest: Rest): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = "0";
  do {
    const reply = await rest(["SCAN", cursor, "COUNT", "1000"]);
    const [next, page]: unknown[] = Array.isArray(reply) ? reply : [];
    for (const key of strings(page)) keys.add(key);
    cursor = String(next);
  } while (cursor !== "0");
  return [...keys].toSorted((a, b) => (a < b ? -1 : 1));
}

/** Reads every key. Sorted sets are member → score. */
export async function dumpLedger(rest: Rest): Promise<LedgerDump> {
  const dump: LedgerDump = {};
  for (const key of await keysOf(rest)) {
    const type = String(await rest(["TYPE", key]));
    dump[key] = { type, content: await content(rest, key, type) };
  }
  return dump;
}

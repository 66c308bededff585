/** What a caller asks of the Upstash REST API. */
export type UpstashRequest =
  | { readonly kind: "command"; readonly command: readonly string[] }
  | { readonly kind: "pipeline" | "transaction"; readonly commands: readonly (readonly string[])[] }
  | { readonly kind: "invalid"; readonly reason: string };

/** Commands that hold or change the state of a connection; the REST API has none to hold. */
const REFUSED = new Set(
  `AUTH BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT DISCARD EXEC HELLO MONITOR MULTI PSUBSCRIBE
  PUNSUBSCRIBE QUIT RESET SELECT SHUTDOWN SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SWAPDB SYNC PSYNC UNSUBSCRIBE UNWATCH WAIT
  WATCH`.split(/\s+/),
);

/** Reads path, query and body of a request. @param body empty for GET and HEAD */
export function parseUpstashRequest(url: URL, body: string): UpstashRequest {
  const path = url.pathname.replace(/^\/+|\/+$/g, "");
  switch (path) {
    case "":
      return command(parseJson(body));
    case "pipeline":
    case "multi-exec": {
      const list = parseJson(body);
      if (!Array.isArray(list) || list.length === 0) return invalid("ERR failed to parse pipeline request");
      const commands = list.map(command);
      const bad = commands.find(({ kind }) => kind === "invalid");
      if (bad !== undefined) return bad;
      const parsed = commands.flatMap((one) => (one.kind === "command" ? [one.command] : []));
      return { kind: path === "pipeline" ? "pipeline" : "transaction", commands: parsed };
    }
    default: {
      const query = [...url.searchParams].filter(([name]) => name !== "_token").flat();
      const words = path.split("/").map(decodeURIComponent);
      return command([...words, ...(body === "" ? [] : [body]), ...query.filter((word) => word !== "")]);
    }
  }
}

function command(value: unknown): UpstashRequest {
  if (!Array.isArray(value) || value.length === 0) return invalid("ERR failed to parse command");
  const words: string[] = [];
  for (const word of value as unknown[]) {
    if (typeof word !== "string" && typeof word !== "number" && typeof word !== "boolean") {
      return invalid("ERR failed to parse command");
    }
    words.push(String(word));
  }
  const name = words[0]?.toUpperCase() ?? "";
  if (REFUSED.has(name)) return invalid(`ERR Command is not available: '${words[0]}'`);
  return { kind: "command", command: words };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invalid(reason: string): UpstashRequest {
  return { kind: "invalid", reason };
}

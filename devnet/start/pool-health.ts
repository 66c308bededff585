/** What `npm start` reads in the pool's `/health`. */
export interface Health {
  /** Height of the work being mined; null without work. */
  readonly height: number | null;
  readonly networkDifficulty: string | null;
  /** What was accepted and waits for the ledger or for the chain's word; null when the pool does not say. */
  readonly waiting: number | null;
  /** Why the pool has no work; null when it does not say. */
  readonly noWork: string | null;
}

/** Reads a body of `/health`. What is missing or of another kind is null. */
export function healthOf(body: unknown): Health {
  const work = member(body, "work");
  const height = member(work, "height");
  const difficulty = member(work, "networkDifficulty");
  const upstreams = member(work, "upstreams");
  const [upstream] = Array.isArray(upstreams) ? upstreams : [];
  const why = [member(upstream, "lastError"), member(upstream, "toDo")].filter((text) => typeof text === "string");
  const waiting = member(member(body, "outbox"), "depth");
  return {
    waiting: typeof waiting === "number" ? waiting : null,
    height: typeof height === "number" ? height : null,
    networkDifficulty: typeof difficulty === "string" ? difficulty : null,
    noWork: why.length > 0 ? why.map((text) => text.replace(/\.$/, "")).join("; ") : null,
  };
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

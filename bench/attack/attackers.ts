// The attackers' process: as polite as a process can be, so that what honest miners notice is the pool's doing and not the machine's.
import { setPriority } from "node:os";
import * as v from "valibot";
import { ATTACKS, type Effort } from "./attacks.ts";

/** What is to be done. */
const orderSchema = v.object({ name: v.string(), url: v.string(), header: v.string(), seconds: v.number() });
export type Order = v.InferOutput<typeof orderSchema>;

/** What it took. */
export const spentSchema = v.object({
  effort: v.object({ connections: v.number(), bytes: v.number(), closed: v.number() }),
  cpuSeconds: v.number(),
});
export type Spent = v.InferOutput<typeof spentSchema>;

async function carryOut({ name, url, header, seconds }: Order): Promise<Spent> {
  const attack = ATTACKS.find((one) => one.name === name);
  if (!attack) throw new RangeError(`no attack is called ${name}`);
  const effort: Effort = { connections: 0, bytes: 0, closed: 0 };
  const before = process.cpuUsage();
  const nowMs = performance.now();
  await attack.run({ url, header, effort, sinceMs: nowMs, untilMs: nowMs + seconds * 1_000 });
  const { user, system } = process.cpuUsage(before);
  return { effort, cpuSeconds: (user + system) / 1e6 };
}

if (process.send !== undefined) {
  setPriority(19);
  process.on("message", (message) => {
    void carryOut(v.parse(orderSchema, message)).then((spent) => process.send?.(spent));
  });
}

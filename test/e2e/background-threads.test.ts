import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { workerds } from "../../bench/pool/process-usage.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { Cleanups } from "../support/quiet-pool.ts";

/** Isolates that go idle with heaps of all sizes up to some MB. */
const IDLE = Array.from({ length: 24 }, (_, at) => ({ name: `idle${at}`, objects: at * 2_500 }));
const FUNCTIONS = Array.from({ length: 150 }, (_, at) => at);
const STEPS = Array.from({ length: 20 }, (_, at) => at);
const LIMIT = { interval: 500, timeout: 120_000 };

/** A function that is long enough to be worth compiling. */
const longFunction = (at: number) =>
  `(x) => { let y = x; ${STEPS.map((step) => `if (y % ${step + 2} === 0) y += ${at + step}; else y ^= ${step};`).join(" ")} return y; }`;

/** Keeps some objects, and makes many functions hot just before it has nothing more to do. */
const idleScript = (objects: number) => `
const kept = [];
const all = [${FUNCTIONS.map(longFunction).join(",\n")}];
export default { fetch() {
  for (let at = 0; at < ${objects}; at++) kept.push({ at });
  let sum = 0;
  for (let round = 0; round < 40; round++) for (const one of all) sum ^= one(round);
  return new Response(String(sum));
} };
`;

/** Asks each of them once, or else makes garbage, which V8 collects with the help of its background threads. */
const FRONT = `
export default { async fetch(request, env) {
  if (new URL(request.url).pathname === "/idle") {
    const idle = Object.keys(env).filter((name) => name.startsWith("idle"));
    for (const name of idle) await (await env[name].fetch(request)).text();
    return new Response(String(idle.length));
  }
  let kept = [];
  for (let at = 0; at < 200_000; at++) {
    kept.push({ at, text: "x" + at });
    if (kept.length > 5_000) kept = [];
  }
  return new Response("busy");
} };
`;

const cleanups = new Cleanups();
afterEach(() => cleanups.run());

async function script(name: string, text: string, settings: object) {
  const directory = await cleanups.folder(name);
  await writeFile(join(directory, "index.js"), text);
  return { name, script: null, directory, settings: { compatibilityDate: "2026-11-02", ...settings } };
}

/** How often V8's background threads have had a processor. */
async function backgroundTurns(group: number): Promise<number> {
  let turns = 0;
  for (const { pid } of await workerds(group))
    for (const thread of await readdir(`/proc/${pid}/task`)) {
      const folder = `/proc/${pid}/task/${thread}`;
      if (!(await readFile(`${folder}/comm`, "utf8")).startsWith("V8 ")) continue;
      turns += Number((await readFile(`${folder}/schedstat`, "utf8")).split(" ")[2]);
    }
  return turns;
}

// Linux alone tells what a thread has done.
it.runIf(process.platform === "linux")("V8's background threads work on when isolates have gone idle", async () => {
  const serviceBindings = Object.fromEntries(IDLE.map(({ name }) => [name, name]));
  const bundles = [await script("front", FRONT, { serviceBindings })];
  for (const { name, objects } of IDLE) bundles.push(await script(name, idleScript(objects), {}));
  const pool = await startPool({ stateDir: await cleanups.folder("idle-state"), bundles, cron: false });
  cleanups.add(() => pool.close());
  expect(await (await fetch(`${pool.url}/idle`)).text()).toBe(String(IDLE.length));
  const group = pool.pid ?? -1;
  // What they had to do for the idle ones is done, or they wait for one of those.
  const turnsIn = async (ms: number) => {
    const before = await backgroundTurns(group);
    await sleep(ms);
    return (await backgroundTurns(group)) - before;
  };
  await expect.poll(() => turnsIn(1_000), LIMIT).toBe(0);
  const before = await backgroundTurns(group);
  for (let some = 0; some < 5; some += 1) expect(await (await fetch(pool.url)).text()).toBe("busy");
  await expect.poll(() => backgroundTurns(group), LIMIT).toBeGreaterThan(before);
});

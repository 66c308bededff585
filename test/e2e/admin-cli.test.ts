import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";

const ADMIN_TOKEN = "operator-of-this-test-only";
const CLI = join(import.meta.dirname, "../../scripts/admin/cli.ts");
const PAYOUTS_CLI = join(import.meta.dirname, "../../scripts/payouts/cli.ts");
const LOGIN = `0x${"a1".repeat(20)}`;
const IP = "192.0.2.7";
let stateDir: string;
let pool: PoolProcess;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-test-"));
  pool = await startPool({ stateDir, cron: false, secrets: { ADMIN_TOKEN } });
}, 120_000);
afterAll(async () => {
  await pool.close();
  await rm(stateDir, { recursive: true, force: true });
});

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], token: string | null = ADMIN_TOKEN, cli = CLI): Promise<Said> {
  const { ADMIN_TOKEN: _, ...others } = process.env;
  const variables = token === null ? others : { ...others, ADMIN_TOKEN: token };
  return await new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], { env: variables }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

/** What a command answers, where it is done. */
async function admin(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run([pool.url, ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

const socket = (path: string) =>
  new WebSocket(`${pool.url.replace("http", "ws")}${path}`, { headers: { "CF-Connecting-IP": IP } });

/** Status of the answer to a connection; 101 where it is let in. */
async function knock(): Promise<number> {
  return await new Promise((resolve) => {
    const ws = socket("/stratum");
    ws.on("open", () => (ws.terminate(), resolve(101)));
    ws.on("unexpected-response", (_request, { statusCode }) => resolve(statusCode ?? 0));
    ws.on("error", () => undefined);
  });
}

/** The answer to a POST of HTTP getwork. */
async function getwork(login: string): Promise<string> {
  const body = '{"id":5,"method":"eth_getWork","params":[]}';
  const init = { method: "POST", body, headers: { "CF-Connecting-IP": IP } };
  return await (await fetch(`${pool.url}/${login}`, init)).text();
}

describe("npm run admin", () => {
  it("bans a client, lists the ban and lifts it", async () => {
    expect(await admin("ban", IP, "--for", "12h", "--note", "scans")).toEqual({ ok: true, message: "banned" });
    expect(await admin("bans")).toMatchObject({ bans: [{ client: IP, login: null, reason: "scans", byHand: true }] });
    expect([await knock(), await getwork(LOGIN)]).toEqual([403, expect.stringContaining("You are banned")]);
    expect(await admin("lift", IP, "--note", "mended")).toEqual({ ok: true, message: "lifted" });
    expect(await admin("bans")).toEqual({ bans: [] });
    expect(await knock()).toBe(101);
  });

  it("bans one login at a client, and nobody else there", async () => {
    await admin("ban", IP, "--login", LOGIN, "--note", "one rig");
    expect(await admin("bans")).toMatchObject({ bans: [{ client: IP, login: LOGIN }] });
    expect(await knock()).toBe(101);
    await admin("lift", IP, "--login", LOGIN, "--note", "mended");
    expect(await admin("bans")).toEqual({ bans: [] });
  });

  it("changes the black- and the whitelist", async () => {
    await admin("blacklist", "add", LOGIN, "--note", "stolen rigs");
    await admin("whitelist", "add", "198.51.100.9", "--note", "the farm");
    expect(await admin("lists")).toEqual({ blacklist: [LOGIN], whitelist: ["198.51.100.9"] });
    expect(await admin("blacklist", "remove", LOGIN, "--note", "sold")).toMatchObject({ ok: true });
    expect(await admin("blacklist", "remove", LOGIN, "--note", "sold")).toMatchObject({
      message: "it was so already",
    });
    await admin("whitelist", "remove", "198.51.100.9", "--note", "gone");
    expect(await admin("lists")).toEqual({ blacklist: [], whitelist: [] });
  });

  it("pauses and resumes the pool, and one login", async () => {
    expect(await admin("pause", "--note", "the books move")).toMatchObject({ ok: true });
    expect(await admin("state")).toMatchObject({ pause: { paused: true, waitingFor: [], logins: [] } });
    // Whoever polls hears within ten seconds that the ban of before is lifted.
    await expect.poll(() => getwork(LOGIN), { timeout: 120_000, interval: 1_000 }).toContain("Work not ready");
    expect(await admin("resume", "--note", "they are there")).toMatchObject({ ok: true });
    await admin("pause", "--login", LOGIN, "--note", "asked for");
    expect(await admin("state")).toMatchObject({ pause: { paused: false, logins: [LOGIN] } });
    await admin("resume", "--login", LOGIN, "--note", "asked for");
    expect(await admin("state")).toMatchObject({ pause: { paused: false, logins: [] } });
  });

  it("shows the state of outbox, upstreams, caches, bans and leases", async () => {
    const state = JSON.stringify(await admin("state"));
    for (const part of ["outbox", "upstreams", "cache", "bans", "leases"]) expect(state.toLowerCase()).toContain(part);
  });

  it("has all of it in the log, the newest first", async () => {
    const log = await admin("audit");
    const { entries } = Object(log);
    const commands = Array.from(entries, (entry) => String(Object(entry).command));
    const pauses = "pause pause pause pause";
    expect(commands.join(" ")).toBe(`${pauses} list list list list list lift ban lift ban`);
    expect(JSON.stringify(log)).not.toContain(ADMIN_TOKEN);
    const [newest] = entries;
    expect(Array.from(Object(await admin("audit", "--before", String(Object(newest).id))).entries)).toHaveLength(12);
  });

  it("says in one line what is wrong, and exits with 1 where the pool refuses, with 2 where it cannot be asked", async () => {
    const wrong: readonly (readonly [readonly string[], string | null, number, RegExp])[] = [
      [[pool.url, "ban", IP], ADMIN_TOKEN, 1, /note/],
      [[pool.url, "ban", IP, "--for", "ages", "--note", "x"], ADMIN_TOKEN, 1, /for/],
      [[pool.url, "dance"], ADMIN_TOKEN, 2, /"dance" is no command/],
      [[pool.url, "bans"], "not-the-token-of-it", 2, /ADMIN_TOKEN is not the pool's/],
      [[pool.url, "bans"], null, 2, /ADMIN_TOKEN .* is missing/],
      [["http://127.0.0.1:1", "bans"], ADMIN_TOKEN, 2, /does not answer/],
    ];
    for (const [args, token, code, text] of wrong) {
      const said = await run(args, token);
      expect([said.code, `${said.stdout}${said.stderr}`]).toEqual([code, expect.stringMatching(text)]);
    }
  });

  it("tells what is not there from a pool without the token's routes", async () => {
    let body = '{"ok":false,"message":"there is no such payment"}';
    const server = createServer((_request, response) => response.writeHead(404).end(body)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${Object(server.address()).port}`;
    try {
      const show = async () => await run([url, "show", "99"], ADMIN_TOKEN, PAYOUTS_CLI);
      expect(await show()).toMatchObject({ code: 1, stdout: expect.stringContaining("there is no such payment") });
      body = "404 Not Found";
      expect(await show()).toMatchObject({ code: 2, stderr: expect.stringContaining("has no secret ADMIN_TOKEN") });
    } finally {
      server.close();
    }
  });
});

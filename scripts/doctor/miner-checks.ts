import { startBridge, type Bridge } from "../../bridge/src/index.ts";
import { readAnswer } from "../../core/stratum/answers.ts";
import { ask } from "./ask.ts";
import { converse, GETWORK, type Conversation, type DialectName } from "./dialects.ts";
import type { DoctorOptions } from "./options.ts";
import { fail, ok, skipped, type Finding } from "./finding.ts";
import { openTcp, openWebSocket, type Opened } from "./line-socket.ts";
import type { Trouble } from "./strange-answer.ts";

const DIALECTS: readonly DialectName[] = ["eth-proxy", "EthereumStratum/1", "EthereumStratum/2", "plain stratum"];

const NO_WORK_FIX = "what `health` above says: the pool has no fresh work for anybody";
const OTHER_FIX = "docs/protocol.md says what the pool answers; what stands in between may change lines";

/** A miner of each dialect, over a WebSocket, and through a bridge that runs in this process: a job, and the answer to a stale share. */
export async function* minerChecks(options: DoctorOptions): AsyncGenerator<Finding> {
  const direct = await Promise.all([
    ...DIALECTS.map((dialect) => mine(options, dialect, "direct", () => openDirect(options))),
    mineByHttp(options, "direct", options.pool),
  ]);
  yield* direct;
  if (direct.every(({ outcome }) => outcome !== "ok")) {
    yield skipped("miner bridge", "not tried: no miner gets through without it either");
    return;
  }
  const bridge = await openBridge(options);
  if (typeof bridge === "string") {
    yield fail("miner bridge", `the bridge does not start: ${bridge}`, "npm run bridge -- --help");
    return;
  }
  const [port = 0] = bridge.ports.stratum;
  const [getworkPort = 0] = bridge.ports.getwork;
  try {
    yield* await Promise.all([
      ...DIALECTS.map((dialect) => mine(options, dialect, "bridge", () => openTcp(port, options.timeoutMs))),
      mineByHttp(options, "bridge", `http://127.0.0.1:${getworkPort}`),
    ]);
  } finally {
    await bridge.close();
  }
}

const webSocketUrl = (pool: string): string => pool.replace(/^http/, "ws");

/** As the bridge does: the login comes in band, and the token where there is one. */
export function openDirect({ pool, timeoutMs, secrets }: DoctorOptions): Promise<Opened> {
  const { bridgeToken } = secrets;
  const headers: Record<string, string> =
    bridgeToken === null ? {} : { "edgepool-bridge-token": bridgeToken, "edgepool-miner": "doctor" };
  return openWebSocket(`${webSocketUrl(pool)}/stratum`, timeoutMs, headers);
}

async function openBridge({ pool, secrets }: DoctorOptions): Promise<Bridge | string> {
  try {
    return await startBridge({
      pools: [webSocketUrl(pool)],
      allowInsecure: pool.startsWith("http:"),
      stratum: [{ host: "127.0.0.1", port: 0 }],
      getwork: [{ host: "127.0.0.1", port: 0 }],
      ...(secrets.bridgeToken === null ? {} : { token: secrets.bridgeToken }),
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function mine(
  { login, timeoutMs }: DoctorOptions,
  dialect: DialectName,
  way: "direct" | "bridge",
  open: () => Promise<Opened>,
): Promise<Finding> {
  const check = `miner ${dialect} ${way}`;
  const opened = await open();
  if (opened.kind === "trouble") return fail(check, opened.trouble.found, opened.trouble.fix);
  try {
    return verdict(check, await converse(opened.socket, dialect, login, timeoutMs));
  } finally {
    opened.socket.close();
  }
}

function verdict(check: string, came: Conversation): Finding {
  switch (came.kind) {
    case "mined":
      return ok(check, `login, job ${came.header.slice(0, 12)}…, and a stale share is answered as stale`);
    case "noWork":
      return fail(check, `logged in, and there is no work: ${came.said}`, NO_WORK_FIX);
    case "refused":
      return fail(
        check,
        `${came.at}: ${came.said}`,
        /blacklist|ban/i.test(came.said)
          ? "npm run -s admin -- <pool> bans, or lists: lift it, or use another --login"
          : OTHER_FIX,
      );
  }
}

const isTrouble = (value: Trouble | Readonly<Record<string, unknown>>): value is Trouble => "fix" in value;

async function mineByHttp(
  { login, timeoutMs, secrets }: DoctorOptions,
  way: "direct" | "bridge",
  origin: string,
): Promise<Finding> {
  const check = `miner getwork ${way}`;
  const headers: Record<string, string> =
    secrets.bridgeToken === null || way === "bridge"
      ? {}
      : { "edgepool-bridge-token": secrets.bridgeToken, "edgepool-miner": "doctor" };
  const post = async (body: string) => {
    const init = { method: "POST", body, headers: { "Content-Type": "application/json", ...headers } };
    const asked = await ask(`${origin}/${login}/doctor`, timeoutMs, init);
    if (asked.kind === "trouble") return asked.trouble;
    const { answer } = asked;
    if (answer.status !== 200) return statusTrouble(answer.status);
    return GETWORK.parsed(answer.body);
  };
  const work = await post(GETWORK.ask);
  if (isTrouble(work)) return fail(check, work.found, work.fix);
  const header = GETWORK.headerOf(work);
  if (header === null) {
    const answer = readAnswer(work, false);
    const said = answer.kind === "refused" ? answer.refusal.message : "no job";
    return verdict(
      check,
      /not ready|no job/i.test(said) ? { kind: "noWork", said } : { kind: "refused", at: "work", said },
    );
  }
  const share = await post(GETWORK.share);
  if (isTrouble(share)) return fail(check, share.found, share.fix);
  return verdict(
    check,
    share["result"] === false
      ? { kind: "mined", header }
      : { kind: "refused", at: "share", said: JSON.stringify(share).slice(0, 200) },
  );
}

const statusTrouble = (status: number): Trouble => ({
  found: `status ${status}: any but 200 makes ethminer connect again hundreds of times a second`,
  fix: "what stands in front of the pool must let a POST to /0x… through unchanged",
});

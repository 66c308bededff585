import { ClientTurns } from "../core/policy/client-turns.ts";
import { RequestAdmissions } from "../core/policy/request-admissions.ts";
import { SharedExtranonces } from "../core/session/shared-extranonces.ts";
import { STRANGERS_TURNS } from "../core/session/stranger-post.ts";
import { StrangersRoom } from "../core/session/strangers-room.ts";
import { StrangersWork } from "../core/session/strangers-work.ts";
import { SubmissionTimes } from "../core/session/submission-times.ts";
import type { WorkSnapshot } from "../core/work/job.ts";
import { ROOT_NAME } from "../core/work/template-tree.ts";
import type { Env } from "../durable-objects/env.ts";
import { atHome } from "../durable-objects/platform/at-home.ts";
import { systemClock } from "../durable-objects/platform/system-clock.ts";

/*
 * What an isolate has for all who are served by the Worker itself, without an object: data only, as no request may use another one's connections.
 */

const work = new StrangersWork(systemClock);

/** Of connections. */
export const strangersRoom = new StrangersRoom();

/** Shares that come by HTTP. */
export const strangersTurns = new ClientTurns(STRANGERS_TURNS);

/** Of shares, by HTTP and by WebSocket: what comes in one millisecond is told apart. */
export const strangersTimes = new SubmissionTimes();

/** Of who asks for work by HTTP twice a second. */
export const strangersAdmissions = new RequestAdmissions();

let extranonces: SharedExtranonces | null = null;

/** Made with the first connection: a Worker has no randomness before. */
export function sharedExtranonces(): SharedExtranonces {
  extranonces ??= new SharedExtranonces(crypto.randomUUID(), systemClock);
  return extranonces;
}

/** The work of now, or of a moment ago. */
export async function strangersWork(env: Env): Promise<WorkSnapshot | null> {
  return await work.get(() => atHome(env, env.BLOCK_TEMPLATE, ROOT_NAME).snapshot());
}

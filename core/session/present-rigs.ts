import type { SessionState } from "../stratum/session.ts";
import type { WorkerNames } from "./worker-names.ts";

/** What a login's object knows of its rigs now, for whoever judges whether they are offline. */
export interface PresentRigs {
  /** The login is paused: silence tells nothing. */
  readonly paused: boolean;
  /** Somebody asks for work over HTTP, without a connection. */
  readonly polling: boolean;
  /** Of each open connection its worker, and the difficulty that it was told last. */
  readonly connections: readonly { readonly worker: string; readonly difficulty: number | null }[];
}

/** @param names under which workers stand in the ledger */
export function presentRigs(
  live: readonly { readonly state: Pick<SessionState, "login" | "worker" | "told"> }[],
  told: Pick<PresentRigs, "paused" | "polling">,
  names: Pick<WorkerNames, "of">,
): PresentRigs {
  const connections = live
    .filter(({ state }) => state.login !== null)
    .map(
      ({
        state: {
          worker,
          told: { difficulty },
        },
      }) => ({
        worker: names.of(worker),
        difficulty: difficulty === null ? null : Number(difficulty),
      }),
    );
  return { ...told, connections };
}

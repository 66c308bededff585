import { GB_PER_OBJECT, MONTH_S, priceOf, PRICES } from "../../scripts/cost/prices.ts";
import type { CallCosts } from "./measured-costs.ts";

/** How much work there is to pass on. */
export interface Workload {
  readonly logins: number;
  readonly socketsPerLogin: number;
  readonly relays: number;
  /** Seconds between two jobs: the block time, or less where the node commits new work within a height. */
  readonly jobEverySeconds: number;
  readonly pollEverySeconds: number;
}

/** What passing on work costs a month, the included amounts taken off, the plan's five dollars not added. */
export interface MonthlyCost {
  readonly jobs: number;
  readonly requests: number;
  readonly gbSeconds: number;
  readonly rowsWritten: number;
  readonly usd: { readonly requests: number; readonly duration: number; readonly rows: number; readonly total: number };
}

/**
 * Requests: an RPC call a session and job, one a relay and job, an alarm run a poll and one a relay and job. Rows: one an alarm that is
 * set. Duration: the root is taken to be awake all month, relays for as long as a job is on its way, sessions while they take it.
 * WebSocket messages to miners are free.
 * @param passMs how long a job is on its way, from the simulation
 */
export function monthlyCost(workload: Workload, costs: CallCosts, passMs: number): MonthlyCost {
  const { logins, relays, socketsPerLogin } = workload;
  const jobs = MONTH_S / workload.jobEverySeconds;
  const polls = MONTH_S / workload.pollEverySeconds;
  const requests = jobs * (logins + 2 * relays) + polls;
  const sessionSeconds = (jobs * logins * (costs.sessionMs + costs.socketMs * socketsPerLogin)) / 1_000;
  const relaySeconds = (jobs * relays * passMs) / 1_000;
  const gbSeconds = (MONTH_S + sessionSeconds + relaySeconds) * GB_PER_OBJECT;
  const rowsWritten = polls + jobs * (1 + relays);
  const usd = {
    requests: priceOf(requests, PRICES.objectRequests),
    duration: priceOf(gbSeconds, PRICES.gbSeconds),
    rows: priceOf(rowsWritten, PRICES.rowsWritten),
  };
  return { jobs, requests, gbSeconds, rowsWritten, usd: { ...usd, total: usd.requests + usd.duration + usd.rows } };
}

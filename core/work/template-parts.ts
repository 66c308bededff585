import type { PauseFlag } from "../admin/pause.ts";
import { type Clock, sleep } from "../clock.ts";
import { ledgerKeys } from "../ledger/contract/keys.ts";
import type { RedisPort } from "../ledger/contract/redis-port.ts";
import type { Logger } from "../log.ts";
import type { PoolConfig } from "../pool-config.ts";
import { FanOut } from "./fan-out.ts";
import type { WorkSnapshot } from "./job.ts";
import type { NodeClient } from "./node-client.ts";
import { NodeStateWriter } from "./node-state.ts";
import { ShareRelay, type ShareRelayDeps } from "./share-relay.ts";
import { TemplateRelay, type RootPort } from "./template-relay.ts";
import type { RelayPort } from "./relay-tree.ts";
import { WorkSockets, type WorkSocketsDeps } from "./work-sockets.ts";
import type { AlarmPort, TemplateStore } from "./template-ports.ts";
import { TemplateRoot } from "./template-root.ts";
import { UpstreamHealth } from "./upstream-health.ts";
import { createWorkCheck } from "./work-check.ts";

/** Deliveries under way at once; an RPC takes well under a millisecond of the sending object's time. */
const FAN_OUT_CONCURRENCY = 128;
const SLOW_AFTER_MS = 500;
/** What a node said this many checks ago is not compared with. */
const FORGET_HEIGHT_AFTER_CHECKS = 6;

/** What the root and a relay need of the object that they live in. */
export interface TemplatePorts {
  readonly store: TemplateStore;
  readonly alarm: AlarmPort;
  readonly log: Logger;
  readonly clock: Clock;
  /** Brings work to a relay, or to the session of a login, by a call. @returns logins or connections behind it */
  readonly send: (target: string, work: WorkSnapshot) => Promise<number>;
}

/** What only the root needs. */
export interface RootPorts extends TemplatePorts {
  /** It is the root of solo work. */
  readonly solo: boolean;
  readonly nodes: readonly NodeClient[];
  readonly redis: RedisPort;
  readonly paused: PauseFlag;
  readonly keccak256: (data: Uint8Array) => Uint8Array;
  readonly onHeight: (height: number) => void;
  readonly relays: RelayPort;
}

/** What only a relay needs. */
export interface RelayPorts extends TemplatePorts {
  readonly root: RootPort;
  readonly dial: WorkSocketsDeps["dial"];
  readonly submitAll: ShareRelayDeps["submitAll"];
}

function fanOutOf({ send, store, clock }: TemplatePorts, onGone: (target: string) => void): FanOut {
  return new FanOut({
    send,
    onGone(target) {
      store.removeSubscriber(target);
      onGone(target);
    },
    wait: (ms) => sleep(clock, ms),
    concurrency: FAN_OUT_CONCURRENCY,
    slowAfterMs: SLOW_AFTER_MS,
  });
}

/** The root of the work, as configured. */
export function createRoot(config: PoolConfig, ports: RootPorts): TemplateRoot {
  const { name, coin, work } = config;
  const { redis, keccak256, ...rest } = ports;
  const names = ports.nodes.map((node) => node.name);
  return new TemplateRoot({
    ...rest,
    fixedRelays: work.jobRelays,
    fanOut: fanOutOf(ports, () => undefined),
    health: new UpstreamHealth(names, {
      maxFails: work.maxFails,
      enabled: work.healthCheck,
      forgetHeightAfterMs: FORGET_HEIGHT_AFTER_CHECKS * work.upstreamCheckIntervalMs,
    }),
    check: createWorkCheck(config, keccak256),
    nodeState: new NodeStateWriter({
      redis,
      nodesKey: ledgerKeys(coin).nodes,
      intervalMs: work.stateUpdateIntervalMs,
    }),
    // The pool's own entry is the common work's.
    poolName: ports.solo ? (names[0] ?? name) : name,
    terms: ports.solo ? { ...work.terms, solo: true } : work.terms,
    refreshIntervalMs: work.blockRefreshIntervalMs,
    recommitIntervalMs: work.recommitIntervalMs,
    checkIntervalMs: work.upstreamCheckIntervalMs,
    maxAgeMs: work.maxAgeMs,
  });
}

/** One branch of the fan-out tree. @param name that the root knows it by */
export function createRelay(name: string, { work }: PoolConfig, ports: RelayPorts): TemplateRelay {
  const { store, alarm, clock, root, dial, send, submitAll } = ports;
  const nowMs = () => clock.nowMs();
  const shares = new ShareRelay({ clock, submitAll });
  const sockets = new WorkSockets({
    dial,
    call: send,
    onSaid: (login, text, answer) => shares.take(login, text, answer),
    onLost: (login) => fanOut.again(login),
    nowMs,
  });
  const fanOut = fanOutOf({ ...ports, send: (login, job) => sockets.send(login, job) }, (login) =>
    sockets.forget(login),
  );
  return new TemplateRelay({ name, root, store, alarm, nowMs, fanOut, sockets, maxAgeMs: work.maxAgeMs });
}

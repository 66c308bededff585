import type { PoolScript } from "../../core/deploy/pool-scripts.ts";

/** Of the pool on this machine, whatever wrangler.toml calls it: its books are found again under it. */
export const LOCAL_NAME = "edgepool";

/** A script as `wrangler deploy` makes it. */
export interface WorkerBundle {
  readonly name: string;
  /** Of the pool's scripts; null: the whole pool as one. */
  readonly script: PoolScript | null;
  /** Holds the entry and the modules that it imports. */
  readonly directory: string;
  /** Bindings, assets and compatibility settings of wrangler.toml in Miniflare's words. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What the pool's host process is started with. Plain data: it goes over the IPC channel. */
export interface HostOptions {
  /** Scripts of the pool; requests arrive at the first. */
  readonly bundles: readonly WorkerBundle[];
  /** 0: a free one. */
  readonly port: number;
  readonly host: string;
  /** Where the Durable Objects keep their databases. */
  readonly stateDir: string;
  /** Settings over those of wrangler.toml. */
  readonly bindings: Readonly<Record<string, BindingValue>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Folder by which scripts in other processes are found; null: all are in this one. */
  readonly registry: string | null;
  /** Fire the Worker's cron every minute, as Cloudflare does. */
  readonly cron: boolean;
  /** Of workerd's inspector, on loopback; null: none. */
  readonly inspectorPort: number | null;
}

/** A setting as wrangler.toml can carry it. */
export type BindingValue = string | number | boolean | null | BindingValue[] | { [key: string]: BindingValue };

/** A line that the Worker or workerd wrote. */
export interface PoolLog {
  readonly level: string;
  readonly message: string;
}

/** Parent to host. */
export type HostRequest =
  | { readonly kind: "start"; readonly options: HostOptions }
  | { readonly kind: "scheduled"; readonly id: number }
  | { readonly kind: "close" };

/** Host to parent. */
export type HostReport =
  | { readonly kind: "ready"; readonly url: string }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "log"; readonly log: PoolLog }
  | { readonly kind: "scheduled"; readonly id: number; readonly error: string | null };

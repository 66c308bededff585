import { BridgeOptionError } from "../options.ts";
import type { Login } from "../miner-side/miner-line.ts";

/** Where one pool is reached. */
export class PoolAddress {
  /** Without credentials and query, for logs: `wss://pool.example`. */
  readonly label: string;
  readonly secure: boolean;
  readonly #base: string;

  private constructor(label: string, secure: boolean, base: string) {
    this.label = label;
    this.secure = secure;
    this.#base = base;
  }

  /**
   * Reads what an operator writes: `wss://host[:port][/prefix]`, `https://…`, a bare `host`, with or without `/stratum` at the end.
   * @throws BridgeOptionError for anything else, and for a pool without TLS unless that is allowed.
   */
  static parse(text: string, allowInsecure: boolean): PoolAddress {
    const url = readUrl(text.includes("://") ? text : `wss://${text}`);
    if (url === null || !/^(wss?|https?):$/.test(url.protocol) || url.hostname === "") {
      throw new BridgeOptionError("pool", `"${text}" is not a pool address; write wss://pool.example`);
    }
    if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
      throw new BridgeOptionError(
        "pool",
        `"${text}" has parts that a pool address cannot have; write wss://pool.example`,
      );
    }
    const secure = url.protocol === "wss:" || url.protocol === "https:";
    if (!secure && !allowInsecure) {
      throw new BridgeOptionError(
        "pool",
        `"${text}" would send logins and shares in the clear; use wss://, or say --allow-insecure if that is what you want`,
      );
    }
    const path = url.pathname.replace(/\/+$/, "").replace(/\/stratum$/, "");
    const base = `${url.host}${path}`;
    return new PoolAddress(`${secure ? "wss" : "ws"}://${base}`, secure, base);
  }

  /** WebSocket address of a miner; without a login the pool finds it in band. */
  stratumUrl(login: Login | null): string {
    return `${this.label}/stratum${login === null ? "" : pathOf(login)}`;
  }

  /** HTTP getwork address of a miner. */
  getworkUrl(login: Login): string {
    return `${this.secure ? "https" : "http"}://${this.#base}${pathOf(login)}`;
  }
}

function pathOf(login: Login): string {
  return `/${login.address}${login.worker === null ? "" : `/${encodeURIComponent(login.worker)}`}`;
}

// URL.parse would do, but the early releases of Node 20 do not have it.
function readUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

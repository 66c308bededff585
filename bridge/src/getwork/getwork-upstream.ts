import { Agent as HttpAgent, request as httpRequest, type Agent } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";

/** An answer of a pool is a few hundred bytes. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Posts JSON-RPC to one pool over connections that stay open. */
export class GetworkUpstream {
  readonly #agent: Agent;
  readonly #secure: boolean;
  readonly #timeoutMs: number;
  readonly #vouch: (miner: string) => Readonly<Record<string, string>>;

  /**
   * @param secure whether the pool is reached by TLS.
   * @param proxy agent that goes through a proxy; undefined connects directly.
   * @param ca further authorities, PEM.
   * @param timeoutMs how long one request may take in all.
   * @param vouch headers that tell the pool which miner it is
   */
  constructor(
    secure: boolean,
    proxy: Agent | undefined,
    ca: string | undefined,
    timeoutMs: number,
    vouch: (miner: string) => Readonly<Record<string, string>>,
  ) {
    this.#secure = secure;
    this.#timeoutMs = timeoutMs;
    this.#vouch = vouch;
    const options = { keepAlive: true, maxFreeSockets: 32, scheduling: "lifo" } as const;
    const direct = secure
      ? new HttpsAgent({ ...options, ...(ca === undefined ? {} : { ca }) })
      : new HttpAgent(options);
    this.#agent = proxy ?? direct;
  }

  /**
   * @param miner address of the miner that asks
   * @returns status and body of the answer.
   * @throws when none came, it was too long, or what stands before the pool answered in its place (5xx).
   */
  post(url: string, body: string, miner: string): Promise<{ readonly status: number; readonly text: string }> {
    return new Promise((resolve, reject) => {
      const headers = {
        ...this.#vouch(miner),
        "Content-Type": "application/json",
        "Content-Length": Buffer.byteLength(body),
      };
      const send = this.#secure ? httpsRequest : httpRequest;
      const signal = AbortSignal.timeout(this.#timeoutMs);
      const request = send(url, { method: "POST", agent: this.#agent, headers, signal }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (text.length > MAX_ANSWER_BYTES) request.destroy(new Error("the pool's answer is too long"));
        });
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode: status = 0 } = response;
          if (status < 500) resolve({ status, text });
          else reject(new Error(`the pool answered with status ${status}`));
        });
      });
      request.on("error", (error) => reject(signal.aborted ? new Error("the pool did not answer in time") : error));
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

import { type Logger, thrown } from "../../core/log.ts";
import type { Client } from "../../core/policy/client.ts";
import type { FoundBlock, JudgedShare, ShareSubmission, ShareVerdict } from "../../core/shares/share.ts";
import { ROOT_NAME, rootNames } from "../../core/work/template-tree.ts";
import type { Env } from "../env.ts";
import { atHome } from "./at-home.ts";
import { loadConfig } from "./config.ts";

/** What a session does with news of its login. */
export interface VerifierNews {
  /** A share that was accepted on its claim has been refuted since. */
  refuted(login: string, worker: string, client: Client | undefined): Promise<void>;
  background(task: Promise<void>): void;
}

/**
 * The way to the verifiers. They call nobody back: what a session and the template have to know beside a verdict comes with it, and is
 * passed on here.
 */
export class VerifierClient {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #news: VerifierNews;

  constructor(env: Env, log: Logger, news: VerifierNews) {
    this.#env = env;
    this.#log = log;
    this.#news = news;
  }

  readonly submit = async (verifier: string, submission: ShareSubmission): Promise<ShareVerdict> =>
    await this.#awake(this.#submit(verifier, submission));

  readonly submitAll = async (
    verifier: string,
    submissions: readonly ShareSubmission[],
  ): Promise<(ShareVerdict | null)[]> => await this.#awake(this.#submitAll(verifier, submissions));

  // A new stub each time: after an exception the old one may stay broken.
  async #submit(verifier: string, submission: ShareSubmission): Promise<JudgedShare> {
    const verdict = await this.#stub(verifier).submit(submission);
    this.heard(submission, verdict);
    return verdict;
  }

  async #submitAll(verifier: string, submissions: readonly ShareSubmission[]): Promise<(JudgedShare | null)[]> {
    const verdicts = await this.#stub(verifier).submitAll(submissions);
    for (const [at, submission] of submissions.entries()) {
      const verdict = verdicts[at];
      if (verdict) this.heard(submission, verdict);
    }
    return verdicts;
  }

  /** For a share that has rested at a relay before, nothing else keeps the object awake until its call has ended. */
  async #awake<T>(call: Promise<T>): Promise<T> {
    this.#news.background(Promise.allSettled([call]).then(() => undefined));
    return await call;
  }

  #stub(verifier: string) {
    return atHome(this.#env, this.#env.SHARE_VERIFIER, verifier);
  }

  /** What came with a verdict, whichever way. */
  heard({ login }: ShareSubmission, verdict: JudgedShare): void {
    const news = this.#news;
    for (const { worker, client } of verdict.refuted ?? [])
      news.background(this.#quietly(news.refuted(login, worker, client)));
    if (verdict.found) news.background(this.#quietly(this.#found(verdict.found)));
  }

  /** The templates ask their nodes for the next work at once, and know which headers have served. */
  async #found({ height, solo }: FoundBlock): Promise<void> {
    const template = (name: string) => atHome(this.#env, this.#env.BLOCK_TEMPLATE, name);
    const roots = rootNames(loadConfig(this.#env).work).map((name) => template(name).refresh());
    // Solo work is in no round.
    await Promise.all(solo ? roots : [template(ROOT_NAME).closeRound(height), ...roots]);
  }

  async #quietly(task: Promise<void>): Promise<void> {
    try {
      await task;
    } catch (error) {
      this.#log.warn("what came with a verdict was not passed on", { error: thrown(error) });
    }
  }
}

/** One wrong setting: which, what stood there (secrets redacted), what is allowed. */
export interface ConfigProblem {
  readonly variable: string;
  readonly found: string;
  readonly allowed: string;
}

/** The settings cannot be used. Lists every problem, so that an operator mends them in one go. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ variable, found, allowed }) => `${variable}: found ${found}, allowed: ${allowed}`);
    super(`wrong configuration\n${lines.join("\n")}`);
    this.problems = problems;
  }
}

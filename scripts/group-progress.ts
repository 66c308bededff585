import type { Reporter, SerializedError, TestModule, Vitest } from "vitest/node";

/** How often a run says how far it is. */
const EVERY_MS = 15_000;

interface Group {
  files: number;
  readonly left: Set<string>;
  passed: number;
  failed: number;
  skipped: number;
}

/** A line for each group of tests when it is done, and how far all is every quarter of a minute. On standard error, like npm's own words. */
export default class GroupProgress implements Reporter {
  readonly #groups = new Map<string, Group>();
  #begun = 0;
  #timer: NodeJS.Timeout | undefined;

  onInit(_vitest: Vitest): void {
    this.#begun = Date.now();
    this.#timer = setInterval(() => this.#say(this.#soFar()), EVERY_MS).unref();
  }

  onTestRunStart(files: readonly { readonly project: { readonly name: string }; readonly moduleId: string }[]): void {
    for (const { project, moduleId } of files) {
      const group = this.#groups.get(project.name) ?? { files: 0, left: new Set(), passed: 0, failed: 0, skipped: 0 };
      group.files++;
      group.left.add(moduleId);
      this.#groups.set(project.name, group);
    }
    const names = [...this.#groups].map(([name, { files: count }]) => `${name} ${count}`);
    this.#say(`test files by group: ${names.join(", ")}`);
  }

  onTestModuleEnd(module: TestModule): void {
    const name = module.project.name;
    const group = this.#groups.get(name);
    if (group === undefined) return;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") group.passed++;
      else if (state === "failed") group.failed++;
      else group.skipped++;
    }
    // A file that could not be loaded has no tests, and has failed all the same.
    if (module.state() === "failed" && module.errors().length > 0) group.failed++;
    group.left.delete(module.moduleId);
    if (group.left.size === 0) this.#say(`group ${name} is done: ${told(group)}`);
  }

  onTestRunEnd(_modules: readonly TestModule[], _errors: readonly SerializedError[]): void {
    clearInterval(this.#timer);
  }

  #soFar(): string {
    const groups = [...this.#groups].filter(([, { left }]) => left.size > 0);
    return groups.map(([name, group]) => `${name} ${group.files - group.left.size} of ${group.files} files`).join(", ");
  }

  #say(text: string): void {
    process.stderr.write(`edgepool: ${Math.round((Date.now() - this.#begun) / 1_000)} s: ${text}\n`);
  }
}

function told({ files, passed, failed, skipped }: Group): string {
  return `${files} files, ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/**
 * Ends a program that could not start, in one line: a port is in use, another program is not installed or does not answer.
 * @param program as its help calls it
 */
export function failed(program: string, error: unknown): never {
  process.stderr.write(`${program}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

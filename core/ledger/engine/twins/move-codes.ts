/** What the scripts that move a block answer; their heads say what each means. */
export const MOVE_CODES = { gone: 0, done: 1, before: 2, replaced: 3, incomplete: 4 } as const;

/** The arguments from an index on, in pairs. */
export function pairsFrom(argv: readonly string[], first: number): [login: string, amount: string][] {
  const result: [string, string][] = [];
  for (let i = first; i + 1 < argv.length; i += 2) result.push([argv[i] ?? "", argv[i + 1] ?? ""]);
  return result;
}

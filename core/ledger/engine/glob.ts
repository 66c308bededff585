import { bytesOf } from "./values.ts";

/**
 * Redis' glob: `*`, `?`, `[abc]`, `[^a-z]`, `\x`. It knows bytes, not characters: `?` is one byte of UTF-8. Translated once to a
 * regular expression; everything in the pattern that has no meaning in a glob is escaped.
 */
export function globMatcher(glob: string): (text: string) => boolean {
  if (glob === "*") return () => true;
  const pattern = byteString(glob);
  let source = "";
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern.charAt(i);
    // Stars in a row mean the same as one, and would make the search explode.
    if (c === "*") source += source.endsWith("[^]*") ? "" : "[^]*";
    else if (c === "?") source += "[^]";
    else if (c === "\\") source += escape(pattern.charAt(++i) || "\\");
    else if (c === "[") {
      const set = readSet(pattern, i);
      source += set.source;
      i = set.end;
    } else source += escape(c);
  }
  const expression = new RegExp(`^${source}$`);
  return (text) => expression.test(byteString(text));
}

/** A character per byte. */
function byteString(text: string): string {
  let bytes = "";
  for (const byte of bytesOf(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

function readSet(pattern: string, open: number): { source: string; end: number } {
  let i = open + 1;
  const negated = pattern.charAt(i) === "^";
  if (negated) i++;
  let members = "";
  for (; i < pattern.length && pattern.charAt(i) !== "]"; i++) {
    const c = pattern.charAt(i);
    if (c === "\\" && i + 1 < pattern.length) members += escape(pattern.charAt(++i));
    else if (pattern.charAt(i + 1) === "-" && i + 2 < pattern.length) {
      const [low = c, high = c] = [c, pattern.charAt(i + 2)].toSorted();
      members += `${escape(low)}-${escape(high)}`;
      i += 2;
    } else members += escape(c);
  }
  // An empty set matches nothing, its negation everything; a set that is not closed ends with the pattern, as in Redis.
  if (members === "") return { source: negated ? "[^]" : "(?!)", end: i };
  return { source: `[${negated ? "^" : ""}${members}]`, end: i };
}

function escape(character: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(character) ? `\\${character}` : character;
}

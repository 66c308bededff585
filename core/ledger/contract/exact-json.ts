/**
 * `JSON.parse` that keeps integers beyond 2^53: they come as decimal strings, everything else as usual.
 * @throws SyntaxError when the text is no JSON
 */
export function parseExactJson(text: string): unknown {
  // Only texts with sixteen digits in a row can hold such a number; strings among them are stepped over.
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(
    text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
      /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token,
    ),
  );
}

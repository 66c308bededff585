/** The body as text; null when it is longer than the limit, of which no more than the limit has been read. */
export async function readText(request: Request, limitBytes: number): Promise<string | null> {
  const length = Number(request.headers.get("content-length") ?? Number.NaN);
  if (length > limitBytes) return null;
  // The server holds a body to its length. Chunk by chunk it costs several times as much.
  if (Number.isInteger(length)) return await request.text();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > limitBytes) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

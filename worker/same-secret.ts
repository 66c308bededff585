const encoder = new TextEncoder();

/** Whether what a client sent is the secret, in a time that tells nothing about either, their lengths included. */
export async function sameSecret(found: string, secret: string): Promise<boolean> {
  const [a, b] = await Promise.all(
    [found, secret].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))),
  );
  return a !== undefined && b !== undefined && crypto.subtle.timingSafeEqual(a, b);
}

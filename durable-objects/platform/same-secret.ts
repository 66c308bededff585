const encoder = new TextEncoder();

/** Whether what a client sent is the secret, in a time that tells nothing about either, their lengths included. */
export async function sameSecret(found: string, secret: string): Promise<boolean> {
  const [a, b] = await Promise.all(
    [found, secret].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))),
  );
  return a !== undefined && b !== undefined && crypto.subtle.timingSafeEqual(a, b);
}

/** The token of `Authorization: Bearer <token>`; empty where there is none. */
export function bearerToken(headers: Headers): string {
  return /^Bearer (.*)$/i.exec(headers.get("authorization") ?? "")?.[1] ?? "";
}

import { createHash, X509Certificate } from "node:crypto";
import { hostname } from "node:os";

/** A certificate and its key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Makes a certificate for this machine that nobody signed: miners that speak TLS on a LAN rarely check it. */
export async function selfSigned(): Promise<KeyPair> {
  // Loaded only when needed: it brings a whole X.509 library.
  const { generate } = await import("selfsigned");
  const notAfterDate = new Date(Date.now() + 10 * 365 * 86_400_000);
  const made = await generate([{ name: "commonName", value: hostname() }], {
    keyType: "ec",
    curve: "P-256",
    notAfterDate,
    extensions: [{ name: "subjectAltName", altNames: [hostname(), "localhost"].map((value) => ({ type: 2, value })) }],
  });
  return { cert: made.cert, key: made.private };
}

/** SHA-256 of the certificate, as `openssl x509 -fingerprint` writes it. */
export function fingerprint(cert: string): string {
  const digest = createHash("sha256").update(new X509Certificate(cert).raw).digest("hex");
  return (digest.toUpperCase().match(/../g) ?? []).join(":");
}

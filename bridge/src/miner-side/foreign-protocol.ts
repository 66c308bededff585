/** First byte of a TLS handshake record. */
const TLS_HANDSHAKE = "\u0016";

/**
 * What a miner speaks that says anything but stratum on a stratum port, in words that help its owner.
 * @param bytes the first bytes that it sent, as latin1.
 * @returns null when it is nothing that is known.
 */
export function foreignProtocol(bytes: string): string | null {
  if (bytes.startsWith(TLS_HANDSHAKE)) return "speaks TLS on a port without; give it one of --listen-tls";
  if (/^(?:GET|POST|PUT|HEAD|OPTIONS) \//.test(bytes))
    return "speaks HTTP on a stratum port; give it one of --listen-getwork";
  return null;
}

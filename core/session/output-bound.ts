import type { ConnectionRecord } from "./connection-record.ts";

/**
 * Bytes that a connection is sent from one valid share to the next. Nobody tells the pool what of them is read: a Worker's WebSocket has no
 * `bufferedAmount` and sends no ping, and what a peer says proves nothing but a share, which costs it work. As much as may wait of what it says
 * (`INPUT_BOUNDS.queuedBytes`): a proxy of two thousand rigs that all ask for work at once is sent half of it, and a rig without a share is sent
 * so much in hours.
 */
export const MOST_SENT_BYTES = 1024 * 1024;

/** The record of a connection that is sent a line. */
export function withSent(record: ConnectionRecord, line: string): ConnectionRecord {
  return { ...record, sentBytes: (record.sentBytes ?? 0) + line.length };
}

/** It was sent more than anybody needs who has a share now and then: it is to come back, and what it has not read is nobody's any more. */
export function isSentTooMuch({ sentBytes = 0 }: ConnectionRecord): boolean {
  return sentBytes > MOST_SENT_BYTES;
}

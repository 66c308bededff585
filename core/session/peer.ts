import type { Frame } from "../stratum/line-splitter.ts";

/** Who is spoken to. A WebSocket is one. */
export interface Peer {
  /** One line with its line end, of the kind that the peer speaks. May throw when it has gone. */
  send(line: Frame): void;
  close(code: number, reason: string): void;
}

/** A peer whose connection outlives our memory: a hibernatable WebSocket is one. */
export interface LastingPeer extends Peer {
  serializeAttachment(attachment: unknown): void;
  deserializeAttachment(): unknown;
}

/** Where a peer's frames go once its connection has been spliced. */
export type Onward = (frame: Frame) => void;

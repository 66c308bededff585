import { IsolateRoom } from "../../core/session/isolate-room.ts";
import { lightCaches } from "./light-caches.ts";

/**
 * In module scope on purpose: one per isolate, whichever logins' objects and requests are in it. It holds data only: a request may not use
 * another one's connections.
 */
export const isolateRoom = new IsolateRoom((...of) => lightCaches.resultOf(...of));

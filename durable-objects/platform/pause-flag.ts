import type { PauseFlag } from "../../core/admin/pause.ts";

const KEY = "paused";

/** Kept in an object's storage, and in its memory: it is asked with every share. */
export function pauseFlag(storage: DurableObjectStorage): PauseFlag {
  let paused = storage.kv.get<boolean>(KEY) === true;
  return {
    get: () => paused,
    set(value) {
      if (value) storage.kv.put(KEY, true);
      else storage.kv.delete(KEY);
      paused = value;
    },
  };
}

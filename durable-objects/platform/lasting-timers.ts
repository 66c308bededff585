/** How long a timer runs on at most that was called off. */
const SLICE_MS = 250;

/**
 * Runs `work` once after `delayMs`, unless the returned function is called before. For limits on answers, most of which are called off, in
 * objects that are always asked: workerd keeps 256 bytes of each timer that is cleared until its object leaves memory, and nothing of one that
 * has fired. So none is cleared: a long one is made of slices, and the one that runs when it is called off is its last. An object that would
 * sleep is kept awake by it for a slice (docs/decisions/0069-cleared-timers.md).
 */
export function lastingTimer(delayMs: number, work: () => void): () => void {
  const atMs = Date.now() + delayMs;
  let isOff = false;
  const wait = (leftMs: number) =>
    void setTimeout(
      () => {
        if (isOff) return;
        const stillMs = atMs - Date.now();
        if (leftMs <= SLICE_MS || stillMs <= 0) work();
        else wait(stillMs);
      },
      Math.min(leftMs, SLICE_MS),
    );
  wait(delayMs);
  return () => (isOff = true);
}

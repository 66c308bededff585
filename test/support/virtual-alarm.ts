import { AlarmBell } from "../../core/alarm-bell.ts";
import type { Clock } from "../../core/clock.ts";

/** A Durable Object's alarm: one at a time, the latest setting counts. */
export function virtualAlarm(clock: Clock, onAlarm: () => void): AlarmBell {
  let cancel: (() => void) | null = null;
  const bell = new AlarmBell((atMs) => {
    cancel?.();
    cancel = clock.after(atMs - clock.nowMs(), () => {
      bell.rang();
      onAlarm();
    });
  });
  return bell;
}

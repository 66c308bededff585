import { spawn } from "node:child_process";

/**
 * Kills a process, or a whole group, when this process is gone, however it went: also by SIGKILL, which gives no last word. A shell waits
 * for the end of a pipe that only this process holds. Not on Windows, which has neither such a shell nor groups.
 * @param target process id; negative: the group of that leader
 * @returns forgets it
 */
export function killWhenGone(target: number): () => void {
  if (process.platform === "win32") return () => undefined;
  const watchdog = spawn("sh", ["-c", 'cat > /dev/null; kill -9 "$0"', String(target)], {
    // A group of its own: what ends this process's group must not end the watchdog before its work.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watchdog.on("error", () => undefined);
  watchdog.unref();
  return () => {
    if (watchdog.pid === undefined) return;
    try {
      process.kill(-watchdog.pid, "SIGKILL");
    } catch {
      // It is gone already.
    }
  };
}

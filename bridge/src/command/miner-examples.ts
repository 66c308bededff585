import { MINER_PROGRAMS } from "../../../core/miner-programs.ts";

const TARGET = { address: "0xWALLET", worker: "rig1", bridge: "BRIDGE" };

/** Every program that `--help` and the README show; on Etchash chains where it can, else on Ethash ones. */
export const MINERS: readonly { readonly miner: string; readonly command: string }[] = MINER_PROGRAMS.flatMap(
  ({ name, mines, command }) =>
    mines[0] && !name.startsWith("ASIC") ? [{ miner: name, command: command(TARGET, mines[0]) }] : [],
);

/** The examples of `--help`. @param program what one types to run the bridge */
export function minerExamples(program: string): string {
  const miners = MINERS.map(({ miner, command }) => `  ${miner}\n    ${command}`);
  return [
    "",
    "Examples:",
    `  ${program} wss://pool.example`,
    `  ${program} wss://pool.example wss://backup.example --listen 8008 --listen-tls 8443 --listen-getwork 8080`,
    `  ${program} ws://127.0.0.1:8787 --allow-insecure`,
    `  ${program} install --print wss://pool.example      a systemd unit, a Windows task and a Dockerfile`,
    "",
    "Point the miners at the machine that runs the bridge (BRIDGE), with your address (0xWALLET):",
    ...miners,
    "",
  ].join("\n");
}

/** How each miner is pointed at the bridge. */
interface MinerExample {
  readonly miner: string;
  /** `BRIDGE` is the bridge's address on the LAN, `0xWALLET` the login. */
  readonly command: string;
}

/** Every client that `--help` and the README show. */
export const MINERS: readonly MinerExample[] = [
  { miner: "ethminer", command: "ethminer -P stratum1+tcp://0xWALLET.rig1@BRIDGE:8008" },
  { miner: "ethminer, NiceHash dialect", command: "ethminer -P stratum2+tcp://0xWALLET.rig1@BRIDGE:8008" },
  { miner: "ethminer, getwork", command: "ethminer -P http://BRIDGE:8080/0xWALLET/rig1" },
  {
    miner: "lolMiner",
    command: "lolMiner --algo ETCHASH --pool BRIDGE:8008 --user 0xWALLET.rig1 --ethstratum ETHPROXY",
  },
  { miner: "T-Rex", command: "t-rex -a etchash -o stratum+tcp://BRIDGE:8008 -u 0xWALLET -p x -w rig1" },
  { miner: "TeamRedMiner", command: "teamredminer -a etchash -o stratum+tcp://BRIDGE:8008 -u 0xWALLET.rig1 -p x" },
  { miner: "GMiner", command: "miner --algo etchash --server BRIDGE:8008 --user 0xWALLET.rig1 --proto proxy" },
  { miner: "Phoenix", command: "PhoenixMiner -coin etc -pool BRIDGE:8008 -wal 0xWALLET -worker rig1 -proto 2" },
  { miner: "Claymore", command: "EthDcrMiner64 -epool BRIDGE:8008 -ewal 0xWALLET -eworker rig1 -epsw x -esm 0" },
];

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

/** What `install --print` can write. */
export const SERVICES = ["systemd", "windows", "docker"] as const;
export type Service = (typeof SERVICES)[number];

/** How the bridge is to be run. */
export interface ServicePlan {
  /** Arguments of the bridge, pools included, as they were typed but for files, which are absolute. */
  readonly args: readonly string[];
  /** Those files. */
  readonly files: readonly string[];
  /** This program's Node, absolute. A file for another system names that system's own. */
  readonly node: string;
  /** Base of the first pool, `https://pool.example`: where the bridge's file comes from. */
  readonly origin: string;
  /** SHA-256 of the bridge's file in hex; null where this program is not that file. */
  readonly sha256: string | null;
}

/** The files that make the bridge start with the machine, each headed by what to do with it. */
export function serviceFile(service: Service, plan: ServicePlan): string {
  switch (service) {
    case "systemd":
      return systemdUnit(plan);
    case "windows":
      return windowsTask(plan);
    case "docker":
      return dockerfile(plan);
  }
}

/** Where nobody but its owner may look: a Node that was installed by one of the tools for that, or that came with a checkout. */
const PRIVATE = /^\/(?:home|root|Users)\/|\/node_modules\//;

/** Node as a user without a home may start it. */
function systemdNode(node: string): string[] {
  if (PRIVATE.test(node)) return ["/usr/bin/env", "node"];
  return [node.startsWith("/") ? node : "/usr/bin/node"];
}

function systemdUnit({ args, node, origin }: ServicePlan): string {
  const words = [...systemdNode(node), "/opt/bridge.mjs", ...args, "--display", "lines"];
  return `# systemd, Linux; Node.js 20 or later has to be in /usr/bin or /usr/local/bin, and nobody's own. As root:
#   curl -fsSo /opt/bridge.mjs ${origin}/bridge.mjs
#   put this into /etc/systemd/system/edgepool-bridge.service
#   systemctl enable --now edgepool-bridge && journalctl -fu edgepool-bridge
[Unit]
Description=edgepool bridge: stratum on this network to ${origin}
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=${words.map(systemdWord).join(" ")}
Restart=always
RestartSec=2
# Shares that no pool has answered yet are kept in its folder over restarts.
StateDirectory=edgepool-bridge
DynamicUser=yes
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
ProtectHome=read-only
ProtectSystem=strict
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`;
}

function windowsTask({ args, node, origin }: ServicePlan): string {
  const words = ["$folder\\bridge.mjs", "--state", "$folder", ...args, "--display", "lines"];
  const line = words.map((word) => `\`"${word.startsWith("$folder") ? word : powerShellText(word)}\`"`).join(" ");
  const execute = /^[a-z]:\\/i.test(node) ? `"${powerShellText(node)}"` : "(Get-Command node).Source";
  return `# Windows, as administrator in PowerShell: a task that starts with the machine, without anybody logging in, and again when it ends.
# (Windows runs as a service only what is written as one; a task needs no further program.) Node.js 20 or later has to be installed for all users.
$folder = "$env:ProgramData\\edgepool-bridge"
New-Item -ItemType Directory -Force $folder | Out-Null
icacls $folder /grant "*S-1-5-19:(OI)(CI)M" | Out-Null
Invoke-WebRequest -UseBasicParsing "${origin}/bridge.mjs" -OutFile "$folder\\bridge.mjs"
$action = New-ScheduledTaskAction -Execute ${execute} -Argument "${line}"
$settings = New-ScheduledTaskSettingsSet -ExecutionTimeLimit 0 -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) \`
  -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
$principal = New-ScheduledTaskPrincipal -UserId "NT AUTHORITY\\LOCAL SERVICE" -LogonType ServiceAccount
Register-ScheduledTask -TaskName edgepool-bridge -Action $action -Settings $settings -Principal $principal \`
  -Trigger (New-ScheduledTaskTrigger -AtStartup)
Start-ScheduledTask -TaskName edgepool-bridge
`;
}

function dockerfile({ args, files, origin, sha256 }: ServicePlan): string {
  const checksum = sha256 === null ? "" : `--checksum=sha256:${sha256} `;
  const mounts = [...new Set(files)].map((file) => `-v ${shellWord(`${file}:${file}:ro`)} `).join("");
  return `# Docker: put this into a file named Dockerfile, then
#   docker build -t edgepool-bridge .
#   docker run -d --restart always --network host -v edgepool-bridge:/state ${mounts}edgepool-bridge
FROM node:24-alpine
ADD --chmod=644 ${checksum}${origin}/bridge.mjs /bridge.mjs
RUN mkdir /state && chown node /state
VOLUME /state
USER node
ENTRYPOINT ${JSON.stringify(["node", "/bridge.mjs", "--state", "/state", "--display", "lines"])}
CMD ${JSON.stringify(args)}
`;
}

/** A word of ExecStart=: `%` and `$` mean something there. */
function systemdWord(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /[\s"'\\;]/.test(escaped) ? `"${escaped.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : escaped;
}

function shellWord(word: string): string {
  return /^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Text between double quotes of PowerShell. */
function powerShellText(text: string): string {
  return text.replaceAll(/[`$"]/g, "`$&");
}

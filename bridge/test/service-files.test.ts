import { expect, test } from "vitest";
import { readInstall } from "../src/command/command-line.ts";
import { serviceFile } from "../src/command/service-files.ts";

const PROGRAM = { name: "node bridge.mjs", version: "1.0.0" };
const PLAN = {
  args: ["wss://pool.example", "--listen", "8008", "--ca", "/etc/my ca/100%.pem"],
  node: "/usr/bin/node",
  origin: "https://pool.example",
  sha256: "ab".repeat(32),
};

test("takes the bridge's options along, and none of its own", () => {
  const args = ["wss://pool.example", "--listen", "8008"];
  expect(readInstall(["install", "--print", ...args], PROGRAM)).toEqual({
    args,
    services: ["systemd", "windows", "docker"],
  });
  for (const only of [["--only", "docker"], ["--only=docker"]])
    expect(readInstall(["install", ...args, "--print", ...only], PROGRAM)).toEqual({ args, services: ["docker"] });
  expect(readInstall(args, PROGRAM)).toBeNull();
});

test("writes a systemd unit that starts the bridge with its options, restarts it and gives it a folder", () => {
  const unit = serviceFile("systemd", PLAN).split("\n");
  expect(unit).toContain(
    'ExecStart=/usr/bin/node /opt/bridge.mjs wss://pool.example --listen 8008 --ca "/etc/my ca/100%%.pem" --display lines',
  );
  expect(unit).toEqual(expect.arrayContaining(["Restart=always", "StateDirectory=edgepool-bridge"]));
});

test("writes a Windows task that starts with the machine", () => {
  const task = serviceFile("windows", { ...PLAN, node: "C:\\Program Files\\nodejs\\node.exe" });
  expect(task).toContain('-Execute "C:\\Program Files\\nodejs\\node.exe"');
  expect(task).toContain('`"$folder\\bridge.mjs`" `"wss://pool.example`" `"--listen`" `"8008`"');
  expect(task).toContain("-AtStartup");
});

test("writes a Dockerfile that takes the file from the pool, and no other than this one", () => {
  const file = serviceFile("docker", PLAN);
  expect(file).toContain(
    `ADD --chmod=644 --checksum=sha256:${PLAN.sha256} https://pool.example/bridge.mjs /bridge.mjs`,
  );
  expect(file).toContain(`CMD ${JSON.stringify(PLAN.args)}`);
  expect(serviceFile("docker", { ...PLAN, sha256: null })).toContain("ADD --chmod=644 https://pool.example/bridge.mjs");
});

test("names no Node of the system it is printed on in a file for another", () => {
  expect(serviceFile("windows", PLAN)).toContain("-Execute (Get-Command node).Source -Argument");
  expect(serviceFile("systemd", { ...PLAN, node: "C:\\nodejs\\node.exe" })).toContain("ExecStart=/usr/bin/node /opt/");
});

import { resolve } from "node:path";
import { expect, test } from "vitest";
import { readInstall } from "../src/command/command-line.ts";
import { serviceFile } from "../src/command/service-files.ts";

const PROGRAM = { name: "node bridge.mjs", version: "1.0.0" };
const PLAN = {
  args: ["wss://pool.example", "--listen", "8008", "--ca", "/etc/my ca/100%.pem"],
  files: ["/etc/my ca/100%.pem"],
  node: "/usr/bin/node",
  origin: "https://pool.example",
  sha256: "ab".repeat(32),
};

const install = (...more: string[]) => readInstall(["install", "--print", "wss://pool.example", ...more], PROGRAM);

test("takes the bridge's options along, and none of its own", () => {
  const args = ["wss://pool.example", "--listen", "8008"];
  expect(readInstall(["install", "--print", ...args], PROGRAM)).toEqual({
    args,
    files: [],
    services: ["systemd", "windows", "docker"],
  });
  for (const only of [["--only", "docker"], ["--only=docker"]])
    expect(readInstall(["install", ...args, "--print", ...only], PROGRAM)).toEqual({
      args,
      files: [],
      services: ["docker"],
    });
  expect(readInstall(args, PROGRAM)).toBeNull();
});

test("names files as a service finds them, which is started in another folder", () => {
  const [cert, key] = [resolve("cert.pem"), resolve("key.pem")];
  expect(
    readInstall(["install", "--print", "wss://p", "--tls-cert", "cert.pem", "--tls-key=key.pem"], PROGRAM),
  ).toEqual({
    args: ["wss://p", "--tls-cert", cert, `--tls-key=${key}`],
    files: [cert, key],
    services: ["systemd", "windows", "docker"],
  });
  expect(serviceFile("docker", PLAN)).toContain(" -v '/etc/my ca/100%.pem:/etc/my ca/100%.pem:ro' edgepool-bridge\n");
});

test("refuses a folder for what it keeps: a service has its own", () => {
  for (const state of [["--state", "here"], ["--state=here"]])
    expect(() => install(...state)).toThrow("--state: a service has a folder of its own; leave the option out");
  expect(install("--no-state")?.args).toEqual(["wss://pool.example", "--no-state"]);
});

test("starts no Node out of a home or a checkout, where a service may not look", () => {
  for (const node of [
    "/home/a/.nvm/versions/node/v22.1.0/bin/node",
    "/root/node",
    "/srv/edgepool/node_modules/node/bin/node",
  ])
    expect(serviceFile("systemd", { ...PLAN, node })).toContain("\nExecStart=/usr/bin/env node /opt/bridge.mjs wss://");
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
  expect(task).toContain(
    '`"$folder\\bridge.mjs`" `"--state`" `"$folder`" `"wss://pool.example`" `"--listen`" `"8008`"',
  );
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

import { createServer } from "node:net";
import { once } from "node:events";
import { expect, test } from "vitest";
import { parseCommandLine } from "../src/command/command-line.ts";
import { BridgeOptionError, startBridge } from "../src/index.ts";
import { PoolAddress } from "../src/pool-side/pool-address.ts";

const PROGRAM = { name: "node bridge.mjs", version: "1.0.0" };

const start = (options: Partial<Parameters<typeof startBridge>[0]>): Promise<unknown> =>
  startBridge({ pools: ["wss://pool.example"], proxy: null, ...options });

test.each(["ws://pool.example", "http://pool.example", "ws://127.0.0.1:8787"])(
  "does not speak to %s, which has no TLS, unless told so",
  async (pool) => {
    await expect(start({ pools: [pool] })).rejects.toThrow(/--allow-insecure/);
    await expect(start({ pools: ["wss://pool.example", pool] })).rejects.toBeInstanceOf(BridgeOptionError);
    const bridge = await startBridge({ pools: [pool], allowInsecure: true, proxy: null });
    await bridge.close();
  },
);

test.each([
  "",
  "ftp://pool.example",
  "wss://",
  "wss://a b",
  "wss://user:secret@pool.example",
  "wss://pool.example?x=1",
])("refuses the pool address '%s'", async (pool) => {
  await expect(start({ pools: [pool] })).rejects.toThrow(/wss:\/\/pool\.example/);
});

test.each([
  ["pool.example", "wss://pool.example"],
  ["https://pool.example/", "wss://pool.example"],
  ["wss://pool.example:8443/stratum", "wss://pool.example:8443"],
  ["wss://pool.example/eth/stratum/", "wss://pool.example/eth"],
])("reads the pool address %s as %s", (text, label) => {
  const pool = PoolAddress.parse(text, false);
  const address = `0x${"a".repeat(40)}`;
  expect(pool.label).toBe(label);
  expect(pool.stratumUrl({ address, worker: "rig 1" })).toBe(`${label}/stratum/${address}/rig%201`);
  expect(pool.getworkUrl({ address, worker: null })).toBe(`${label.replace("wss", "https")}/${address}`);
});

test("refuses to start without a pool", async () => {
  await expect(start({ pools: [] })).rejects.toThrow(/no pool/);
});

test("says which port is taken, and leaves nothing listening", async () => {
  const taken = createServer();
  taken.listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const host = "127.0.0.1";
  const free = await startBridge({ pools: ["wss://pool.example"], stratum: [{ host, port: 0 }], proxy: null });
  const [other = 0] = free.ports.stratum;
  await free.close();
  await expect(
    start({
      stratum: [
        { host, port: other },
        { host, port },
      ],
    }),
  ).rejects.toThrow(`port ${port} is already in use on ${host}; choose another with --listen`);
  const again = createServer();
  again.listen(other, host);
  await once(again, "listening");
  again.close();
  taken.close();
});

test("refuses a certificate that is none, and a proxy that is none, without showing its password", async () => {
  const listen = [{ host: "127.0.0.1", port: 0 }];
  await expect(start({ stratumTls: listen, tls: { cert: "x", key: "y" } })).rejects.toThrow(/certificate/);
  await expect(start({ proxy: "gopher://user:secret@proxy" })).rejects.toThrow('"gopher://…@proxy" is not a proxy');
});

test("reads the command line", () => {
  const line = parseCommandLine(
    [
      "wss://a.example",
      "b.example",
      "-l",
      "8008",
      "--listen",
      "192.168.1.2:8009",
      "--listen-tls",
      "[::1]:8443",
      "--no-proxy",
    ],
    PROGRAM,
  );
  expect(line.bridge).toMatchObject({
    pools: ["wss://a.example", "b.example"],
    stratum: [{ port: 8008 }, { host: "192.168.1.2", port: 8009 }],
    stratumTls: [{ host: "::1", port: 8443 }],
    getwork: [],
    allowInsecure: false,
    proxy: null,
  });
  expect(parseCommandLine(["a.example"], PROGRAM).bridge.stratum).toEqual([{ port: 8008 }]);
  expect(parseCommandLine(["a.example", "--listen-getwork", "8080"], PROGRAM).bridge.stratum).toEqual([]);
  expect(parseCommandLine(["a.example"], PROGRAM).bridge.proxy).toBeUndefined();
});

test("refuses files that cannot be read, and a certificate without its key", () => {
  expect(() => parseCommandLine(["a", "--tls-cert", "/nowhere", "--tls-key", "/nowhere"], PROGRAM)).toThrow(
    /cannot read \/nowhere/,
  );
  expect(() => parseCommandLine(["a", "--tls-cert", "/nowhere"], PROGRAM)).toThrow(/belong together/);
});

import { reset } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { atHome, idAtHome, ofLogin } from "../../durable-objects/platform/at-home.ts";
import { dataCentreHere } from "../../durable-objects/platform/data-centre.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import { movedHome } from "../../durable-objects/platform/started.ts";

const LOGIN = `0x${"a1".repeat(20)}`;

const refused = () => {
  throw new Error("This account may not use jurisdictions");
};

afterEach(async () => {
  vi.restoreAllMocks();
  await reset();
});

type Of<Calls extends Rpc.DurableObjectBranded> = DurableObjectNamespace<Calls>;

/** A namespace that tells what it was asked for; `jurisdiction` as given. */
function listening<Calls extends Rpc.DurableObjectBranded>(
  real: Of<Calls>,
  told: unknown[],
  jurisdiction: (name: string) => unknown = () => real,
): Of<Calls> {
  const getByName = (of: string, options?: DurableObjectNamespaceGetDurableObjectOptions) => {
    told.push(options);
    return real.getByName(of);
  };
  return new Proxy(real, {
    get: (_objects, name) => (name === "jurisdiction" ? jurisdiction : name === "getByName" ? getByName : undefined),
  });
}

it("is named with every first call, the embedded ledger's too; an object of a login is made where its miner is", () => {
  const told: unknown[] = [];
  const objects = listening(env.EMBEDDED_REDIS, told);
  const settings = { ...env, EMBEDDED_REDIS: objects, home: "weur" };
  ledgerClient(settings, loadConfig(settings));
  atHome(settings, objects, "main");
  atHome({ ...settings, home: "" }, objects, "main");
  ofLogin(settings, listening(env.MINER_SESSION, told), LOGIN);
  expect(told).toEqual([{ locationHint: "weur" }, { locationHint: "weur" }, undefined, undefined]);
});

it("as a jurisdiction holds every object, those of logins too, and the ids by which they find each other", () => {
  const told: string[] = [];
  const within = vi.fn<(name: string) => unknown>().mockReturnValue({
    getByName(name: string) {
      told.push(name);
      return {};
    },
    idFromName: (name: string) => `${name} in the EU`,
  });
  const settings = { ...env, home: "eu" };
  const template = listening(env.BLOCK_TEMPLATE, [], within);
  atHome(settings, template, "main");
  ofLogin(settings, listening(env.MINER_SESSION, [], within), LOGIN);
  expect(idAtHome(settings, template, "main")).toBe("main in the EU");
  expect(within.mock.calls).toEqual([["eu"], ["eu"], ["eu"]]);
  expect(told).toEqual(["main", LOGIN]);
});

it("as a jurisdiction is of no effect where the runtime has none, as here; a refusal of Cloudflare's own is one", async () => {
  const settings = { ...env, home: "eu" };
  expect(idAtHome(settings, env.BLOCK_TEMPLATE, "main").equals(env.BLOCK_TEMPLATE.idFromName("main"))).toBe(true);
  expect(await atHome(settings, env.EXTRANONCE_ALLOCATOR, "main").count()).toBe(0);
  expect(() => atHome(settings, listening(env.EMBEDDED_REDIS, [], refused), "main")).toThrow("may not use");
});

it("that has become another jurisdiction since the pool began is a problem on /health", async () => {
  await env.POOL_MARKS?.put("started", "us");
  expect(await movedHome({ ...env, home: "us" })).toBeNull();
  const response = await exports.default.fetch("https://pool.example/health");
  expect(await response.json()).toMatchObject({
    healthy: false,
    problems: expect.arrayContaining([
      expect.stringContaining("began in the jurisdiction us, and home says no jurisdiction"),
    ]),
  });
});

const anHourLater = () => vi.setSystemTime(Date.now() + 3_600_000);

it("is told by the data centre that Cloudflare answers from; nobody is asked from a machine of one's own", async () => {
  const asked = vi.spyOn(globalThis, "fetch");
  expect(await dataCentreHere(env)).toBeNull();
  expect(asked).not.toHaveBeenCalled();
  const away = { ...env, devnet: false, upstream: [{ name: "main", url: "https://node.example" }] };
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  asked.mockRejectedValueOnce(new Error("no way out"));
  // Each question may take three seconds of whoever looks at /health, so that a silence counts for an hour.
  expect(await Promise.all([dataCentreHere(away), dataCentreHere(away)])).toEqual([null, null]);
  expect(await dataCentreHere(away)).toBeNull();
  expect(asked).toHaveBeenCalledTimes(1);
  anHourLater();
  asked.mockResolvedValueOnce(new Response("<html>an error page</html>"));
  expect(await dataCentreHere(away)).toBeNull();
  anHourLater();
  asked.mockResolvedValueOnce(new Response("fl=1f2\nh=www.cloudflare.com\ncolo=FRA\nloc=DE\n"));
  expect(await dataCentreHere(away)).toBe("FRA");
  expect(await dataCentreHere(away)).toBe("FRA");
  expect(asked).toHaveBeenCalledTimes(3);
});

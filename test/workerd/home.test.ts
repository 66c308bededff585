import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { atHome } from "../../durable-objects/platform/at-home.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";

it("is named with every first call, the embedded ledger's too", () => {
  const given: unknown[] = [];
  const listening = new Proxy(env.EMBEDDED_REDIS, {
    get: (objects, name) =>
      name === "getByName"
        ? (of: string, options: unknown) => {
            given.push(options);
            return objects.getByName(of);
          }
        : Reflect.get(objects, name),
  });
  const settings = { ...env, EMBEDDED_REDIS: listening, home: "weur" };
  ledgerClient(settings, loadConfig(settings));
  atHome(settings, listening, "main");
  atHome({ ...settings, home: "" }, listening, "main");
  expect(given).toEqual([{ locationHint: "weur" }, { locationHint: "weur" }, undefined]);
});

import { expect, it } from "vitest";
import { marksOf } from "../../../scripts/deploy/marks.ts";

/** An account with some namespaces. */
function account(titles: readonly string[], fails = false) {
  const namespaces = titles.map((title, at) => ({ id: `id${at}`, title }));
  const made: string[] = [];
  const wrangler = async (args: readonly string[]) => {
    if (fails) return { code: 1, stdout: "", stderr: "Authentication error" };
    const [, , what, title = ""] = args;
    if (what === "create") {
      made.push(title);
      namespaces.push({ id: `id${namespaces.length}`, title });
    }
    return { code: 0, stdout: JSON.stringify(namespaces), stderr: "" };
  };
  return { made, marks: (id?: string) => marksOf([{ binding: "POOL_MARKS", id }], "pool", wrangler, () => undefined) };
}

it("the pool's scripts share one KV namespace: that of wrangler.toml, the one that Wrangler has made, or a new one", async () => {
  const known = account(["other", "pool-POOL_MARKS"]);
  expect(await known.marks("given")).toEqual([{ binding: "POOL_MARKS", id: "given" }]);
  expect(await known.marks()).toEqual([{ binding: "POOL_MARKS", id: "id1" }]);
  const fresh = account(["other"]);
  expect(await fresh.marks()).toEqual([{ binding: "POOL_MARKS", id: "id1" }]);
  expect(await fresh.marks()).toEqual([{ binding: "POOL_MARKS", id: "id1" }]);
  expect([known.made, fresh.made]).toEqual([[], ["pool-pool-marks"]]);
});

it("a refusal of the account's is said as it is", async () => {
  await expect((async () => await account([], true).marks())()).rejects.toThrow(
    "cannot be listed: Authentication error",
  );
});

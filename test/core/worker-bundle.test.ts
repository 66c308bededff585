import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { assertWritten } from "../../devnet/pool-host/worker-bundle.ts";

it("a bundle that wrangler had not written before it was ended is not kept", async () => {
  const folder = await mkdtemp(join(tmpdir(), "edgepool-bundle-"));
  try {
    for (const name of ["settings.json", "wrangler.json"]) await writeFile(join(folder, name), "{}");
    await expect(assertWritten(folder)).rejects.toThrow("wrangler was ended before");
    await writeFile(join(folder, "page.js"), "");
    await assertWritten(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

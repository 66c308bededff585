// Runs in a process of its own, for node-contender.ts.
import { Ethash, type Epoch } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import type { Work } from "./contender.ts";
import { hashWork } from "./hash-work.ts";

const ethash = Ethash.instantiate(loadKernel());

process.on("message", (task: { build?: Epoch; hash?: Work }) => {
  if (task.build) ethash.buildCache(task.build);
  process.send?.(task.hash ? hashWork(ethash, task.hash) : "");
});
process.on("disconnect", () => process.exit());

// Runs inside workerd; workerd-contender.ts times its requests from outside.
import { Ethash, type Epoch } from "@edgepool/ethash-wasm";
import kernel from "@edgepool/ethash-wasm/kernel.wasm";
import type { Work } from "./contender.ts";
import { hashWork } from "./hash-work.ts";

const ethash = Ethash.instantiate(kernel);

export default {
  async fetch(request: Request): Promise<Response> {
    const task: { build?: Epoch; hash?: Omit<Work, "firstNonce"> & { firstNonce: string } } = await request.json();
    if (task.build) ethash.buildCache(task.build);
    return new Response(task.hash ? hashWork(ethash, { ...task.hash, firstNonce: BigInt(task.hash.firstNonce) }) : "");
  },
};

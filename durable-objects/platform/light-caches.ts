import { Ethash } from "@edgepool/ethash-wasm";
import kernel from "@edgepool/ethash-wasm/kernel.wasm";
import { CacheKeeper } from "../../core/shares/cache-keeper.ts";

/**
 * What light caches may take of an isolate's 128 MB beside the heap of all its objects: one of an Etchash chain's today
 * (about 70 MiB), or two of a young chain's.
 */
const BUDGET_BYTES = 72 * 1024 * 1024;

/** In module scope on purpose: one per isolate, shared by all verifiers in it, and it survives their eviction. */
export const lightCaches = new CacheKeeper(() => Ethash.instantiate(kernel), BUDGET_BYTES);

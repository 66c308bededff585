import { readFileSync } from "node:fs";

/** The compiled kernel for `Ethash.instantiate`, read from the package. For Node, Deno and Bun. */
export function loadKernel(): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(new URL("./kernel.wasm", import.meta.url)));
}

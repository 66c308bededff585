// tsc emits declarations for sources only; the one of kernel.wasm is written by hand and goes beside the module.
import { copyFileSync } from "node:fs";

const name = "kernel.wasm.d.ts";
copyFileSync(new URL(`../src/${name}`, import.meta.url), new URL(`../dist/${name}`, import.meta.url));

/** The compiled kernel, as Workers and bundlers with the ESM integration of WebAssembly modules give it. */
declare const kernel: WebAssembly.Module;
export default kernel;

import { build } from "esbuild";

/** A script of a bench as workerd takes it: one module. @param entry its file */
export async function workerText(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    external: ["cloudflare:*"],
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

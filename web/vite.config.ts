import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

/** The dashboard: static files in `web/dist`, which the Worker serves as its assets. */
export default defineConfig({
  root: import.meta.dirname,
  // No inlined assets: the content security policy allows only files of the pool itself.
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [tailwindcss()],
});

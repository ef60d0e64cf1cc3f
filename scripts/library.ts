/**
 * The public library as it is published: one ES module with what it loads later beside it, and the declarations that its types reach.
 * Everything is inside, so that whoever installs it installs one package, and reads none of what a program does not use.
 */
import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { build, type Plugin } from "esbuild";

/** @returns the files that went into it. */
export async function buildLibrary(root: string, plugins: readonly Plugin[]): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { index: "src/index.ts" },
    outdir: "dist",
    // Beside the programs: the engine looks for the turn's program in its own folder.
    chunkNames: "library-[hash]",
    bundle: true,
    splitting: true,
    platform: "node",
    target: "node22.18",
    format: "esm",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    // Bundled CommonJS packages ask for built-in modules by `require`.
    banner: { js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);' },
    plugins: [...plugins],
  });
  pruneDeclarations(path.join(root, "dist"));
  return Object.keys(metafile.inputs);
}

/** Removes the declarations that nothing leads to from `index.d.ts`. */
function pruneDeclarations(dist: string): void {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file) || !existsSync(file)) return;
    reached.add(file);
    for (const [, specifier = ""] of readFileSync(file, "utf8").matchAll(/(?:from|import\()\s*"(\.{1,2}\/[^"]+)"/g))
      visit(path.resolve(path.dirname(file), specifier.replace(/\.(?:js|ts)$/, ".d.ts")));
  };
  visit(path.join(dist, "index.d.ts"));
  for (const entry of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    const file = path.join(dist, entry);
    if (file.endsWith(".d.ts") && !reached.has(file)) rmSync(file);
  }
  for (const folder of readdirSync(dist, { withFileTypes: true }).filter((entry) => entry.isDirectory()))
    removeIfEmpty(path.join(dist, folder.name));
}

function removeIfEmpty(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeIfEmpty(path.join(folder, entry.name));
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}

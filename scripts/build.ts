/**
 * Builds `dist/`: types and the public library with `tsc`, the command line and the turn's child process with esbuild.
 *
 * The two programs are each one CommonJS file because start-up time is a promise: an ESM import of a built-in module runs
 * its lazy getters (`node:http` costs 28 ms that way, 3.5 ms by `require`), and one file lets Node's compile cache work.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

rmSync(`${root}dist`, { recursive: true, force: true });
execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, "-p", `${root}tsconfig.build.json`], { stdio: "inherit" });
await build({
  absWorkingDir: root,
  entryPoints: { runner: "src/cli/main.ts", "agent-child": "src/turn/agent-child.ts" },
  outExtension: { ".js": ".cjs" },
  outdir: "dist",
  bundle: true,
  platform: "node",
  target: "node22.18",
  format: "cjs",
  // Modules reached only through `import()` stay inside the file but are evaluated on first use, which keeps commands lazy.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "linked",
  logLevel: "warning",
  define: { "import.meta.url": "__importMetaUrl" },
  banner: { js: 'var __importMetaUrl=require("node:url").pathToFileURL(__filename).href;' },
});

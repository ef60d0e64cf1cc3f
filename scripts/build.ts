/**
 * Builds `dist/`: types and the public library with `tsc`, the command line and the turn's child process with esbuild.
 *
 * The programs are CommonJS because start-up time is a promise: an ESM import of a built-in module runs its lazy getters
 * (`node:http` costs 28 ms that way, 3.5 ms by `require`), and few files let Node's compile cache work.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build as bundle, type BuildOptions, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Large libraries that a few commands need: a file each, so that the others neither read nor check it. */
const separate = ["cosmiconfig", "croner", "execa", "yaml"];

const separateFiles: Plugin = {
  name: "separate-files",
  setup(build) {
    build.onResolve({ filter: new RegExp(`^(?:${separate.join("|")})$`) }, ({ path, kind }) =>
      kind === "entry-point" ? undefined : { path: `./${path}.cjs`, external: true },
    );
  },
};

/** commander needs `node:child_process` only for sub-commands that are programs of their own, which runner has none of; loading it costs 4 ms. */
const lazyChildProcess: Plugin = {
  name: "lazy-child-process",
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes("/commander/") ? { path: "child_process", namespace: "lazy" } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: "lazy" }, () => ({
      contents: `export default new Proxy({}, { get: (_, key) => process.getBuiltinModule("node:child_process")[key] });`,
    }));
  },
};

const program: BuildOptions = {
  absWorkingDir: root,
  outdir: "dist",
  outExtension: { ".js": ".cjs" },
  bundle: true,
  platform: "node",
  target: "node22.18",
  format: "cjs",
  // Modules reached only through `import()` stay inside the file and are evaluated on first use, which keeps commands lazy.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "linked",
  logLevel: "warning",
  define: { "import.meta.url": "__importMetaUrl" },
  banner: { js: 'var __importMetaUrl=require("node:url").pathToFileURL(__filename).href;' },
};

rmSync(`${root}dist`, { recursive: true, force: true });
execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, "-p", `${root}tsconfig.build.json`], {
  stdio: "inherit",
});
const entryPoints = { runner: "src/cli/main.ts", "agent-child": "src/turn/agent-child.ts" };
await bundle({ ...program, entryPoints, plugins: [separateFiles, lazyChildProcess] });
await bundle({ ...program, entryPoints: Object.fromEntries(separate.map((name) => [name, name])) });

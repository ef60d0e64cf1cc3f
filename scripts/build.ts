/**
 * Builds `dist/`: types and the public library with `tsc`, the command line and the programs of the turn with esbuild.
 *
 * The programs are CommonJS because start-up time is a promise: an ESM import of a built-in module runs its lazy getters
 * (`node:http` costs 28 ms that way, 3.5 ms by `require`), and few files let Node's compile cache work.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import nodePath from "node:path";
import { fileURLToPath } from "node:url";
import { build as bundle, type BuildOptions, type Plugin } from "esbuild";
import { writeLicences } from "./licences.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Large libraries that a few commands need: a file each, so that the others neither read nor check it. */
const libraries = ["cosmiconfig", "croner", "diff", "execa", "json5", "yaml"];

/** Commands that `runner.cjs` holds itself, because they are given all the time. */
const frequent = new Set(["index.ts", "list.ts", "run.ts", "validate.ts"]);

/** Our own code likewise: what only some commands need, and each of the other commands. */
const ownFiles: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    readdirSync(`${root}src/cli/commands`)
      .filter((file) => !frequent.has(file))
      .map((file) => [`command-${nodePath.parse(file).name}`, `src/cli/commands/${file}`]),
  ),
  program: "src/cli/program.ts",
  project: "src/compose/project.ts",
  ledger: "src/ledger/index.ts",
  runtime: "src/compose/runtime.ts",
  gateway: "src/compose/gateway.ts",
  providers: "src/provider/index.ts",
  simulator: "src/provider/script.ts",
  "expect-schema": "src/turn/expect-schema.ts",
  mcp: "src/turn/tools/mcp.ts",
  "dry-run": "src/compose/dry-run.ts",
  story: "src/cli/story.ts",
  timeline: "src/cli/timeline.ts",
  judgement: "src/cli/judgement.ts",
  verify: "src/compose/verify.ts",
  replay: "src/compose/replay.ts",
  control: "src/compose/control.ts",
  doctor: "src/compose/doctor/doctor.ts",
  daemon: "src/cli/daemon/drive.ts",
  "dry-run-words": "src/cli/dry-run.ts",
  "completion-scripts": "src/cli/completion-scripts.ts",
  "init-questions": "src/cli/init-questions.ts",
  "event-handlers": "src/compose/event-handlers.ts",
};

/**
 * Modules that must be one and the same everywhere: an error class that stood in two files would be two classes, and `instanceof`
 * would fail between them. They are inside `runner.cjs`, and the separate files take them from there.
 */
const sharedModules: Readonly<Record<string, string>> = {
  "src/errors.ts": "errors",
  "src/engine/stopped.ts": "stopped",
  "src/cli/output.ts": "output",
};

const sharedFromRunner: Plugin = {
  name: "shared-from-runner",
  setup(build) {
    build.onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, resolveDir }) => {
      const name = sharedModules[nodePath.relative(root, nodePath.resolve(resolveDir, path))];
      return name === undefined ? undefined : { path: name, namespace: "shared" };
    });
    build.onLoad({ filter: /.*/, namespace: "shared" }, ({ path }) => ({
      contents: `module.exports = require("./runner.cjs").${path};`,
    }));
    build.onResolve({ filter: /.*/, namespace: "shared" }, ({ path }) => ({ path, external: true }));
  },
};

/** A separate file is reached by `require`, also from `import()`: Node's own `import()` would take it through the ESM loader, 12 ms. */
const separateFiles: Plugin = {
  name: "separate-files",
  setup(build) {
    build.onResolve({ filter: new RegExp(`^(?:${libraries.join("|")})$`) }, ({ path, kind }) =>
      kind === "entry-point" ? undefined : { path, namespace: "separate" },
    );
    build.onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, resolveDir, kind }) => {
      const file = nodePath.relative(root, nodePath.resolve(resolveDir, path));
      const name = Object.keys(ownFiles).find((key) => ownFiles[key] === file);
      return name === undefined || kind === "entry-point" ? undefined : { path: name, namespace: "separate" };
    });
    build.onLoad({ filter: /.*/, namespace: "separate" }, ({ path }) => ({
      contents: `module.exports = require("./${path}.cjs");`,
    }));
    build.onResolve({ filter: /.*/, namespace: "separate" }, ({ path }) => ({ path, external: true }));
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

/**
 * execa looks at the standard streams and at the terminal's colours when it is loaded, for features runner does not ask of it;
 * making those streams costs 10 ms. Here it looks when it is asked. A release of execa that reads otherwise fails the build.
 */
const lazyExeca: Plugin = {
  name: "lazy-execa",
  setup(build) {
    const replaceIn = (file: RegExp, pairs: readonly (readonly [string, string])[]): void => {
      build.onLoad({ filter: file }, ({ path }) => {
        let contents = readFileSync(path, "utf8");
        for (const [from, to] of pairs) {
          if (!contents.includes(from)) throw new Error(`${path} no longer contains: ${from}`);
          contents = contents.replace(from, to);
        }
        return { contents };
      });
    };
    replaceIn(/execa\/lib\/utils\/standard-stream\.js$/, [
      ["STANDARD_STREAMS.includes(stream)", "[0, 1, 2].includes(stream?.fd) && STANDARD_STREAMS.includes(stream)"],
      [
        "[process.stdin, process.stdout, process.stderr]",
        "Object.defineProperties([], { 0: { get: () => process.stdin }, 1: { get: () => process.stdout }, 2: { get: () => process.stderr } })",
      ],
    ]);
    replaceIn(/execa\/lib\/verbose\/default\.js$/, [["process.stderr.isTTY === true", "false"]]);
    build.onResolve({ filter: /^yoctocolors$/ }, ({ path }) => ({ path, namespace: "plain" }));
    build.onLoad({ filter: /.*/, namespace: "plain" }, () => ({
      contents: ["bold", "gray", "redBright", "yellowBright"].map((name) => `export const ${name} = (text) => text;`).join("\n"),
    }));
  },
};

/**
 * The MCP client brings ajv to check what tools give against schemas of their own, which runner does not ask of it: 40 % of its
 * bytes. A release of the SDK that takes it from elsewhere only becomes larger again.
 */
const mcpWithoutAjv: Plugin = {
  name: "mcp-without-ajv",
  setup(build) {
    build.onResolve({ filter: /\/validation\/ajv-provider\.js$/ }, ({ path }) => ({ path, namespace: "no-ajv" }));
    build.onLoad({ filter: /.*/, namespace: "no-ajv" }, () => ({ contents: "export class AjvJsonSchemaValidator {}" }));
  },
};

/** `exports` lets nobody reach a declaration that those of the public library do not name, so nine in ten would only make the package larger. */
function removeUnreachableDeclarations(): void {
  const reached = new Set<string>();
  const waiting = ["index.d.ts"];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const [, name = ""] of readFileSync(`${root}dist/${file}`, "utf8").matchAll(/(?:\bfrom|\bimport\()\s*"(\.[^"]+)\.ts"/g))
      waiting.push(nodePath.join(nodePath.dirname(file), `${name}.d.ts`));
  }
  for (const file of readdirSync(`${root}dist`, { recursive: true, encoding: "utf8" }))
    if (file.endsWith(".d.ts") && !reached.has(file)) rmSync(`${root}dist/${file}`);
}

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
  // What the licences of bundled packages ask for stands in one file, see licences.ts.
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  // Found out where it is asked for: most files never ask.
  define: { "import.meta.url": "__importMeta.url" },
  banner: { js: 'var __importMeta={get url(){return require("node:url").pathToFileURL(__filename).href}};' },
};

rmSync(`${root}dist`, { recursive: true, force: true });
execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, "-p", `${root}tsconfig.build.json`], {
  stdio: "inherit",
});
removeUnreachableDeclarations();
// What the library's parts are for stands in their declarations, which an editor shows; in the JavaScript nobody reads it: a fifth of its bytes.
const library = readdirSync(`${root}dist`, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js"));
await bundle({
  absWorkingDir: root,
  entryPoints: library.map((file) => `dist/${file}`),
  outbase: "dist",
  outdir: "dist",
  allowOverwrite: true,
  format: "esm",
  target: "esnext",
  legalComments: "none",
  logLevel: "warning",
});
const entryPoints = {
  runner: "src/cli/main.ts",
  "agent-child": "src/turn/agent-child.ts",
  "event-handler": "src/provider/event-handler/worker.ts",
};
const bundles = [
  await bundle({ ...program, entryPoints, plugins: [separateFiles, lazyChildProcess] }),
  await bundle({
    ...program,
    entryPoints: ownFiles,
    plugins: [sharedFromRunner, separateFiles, lazyChildProcess, mcpWithoutAjv],
  }),
  await bundle({
    ...program,
    entryPoints: Object.fromEntries(libraries.map((name) => [name, name])),
    plugins: [lazyExeca],
  }),
];
// By it the code cache of bin/code-cache.js tells one build from another.
const build = createHash("sha256");
for (const name of readdirSync(`${root}dist`)
  .filter((file) => file.endsWith(".cjs"))
  .toSorted())
  build.update(readFileSync(`${root}dist/${name}`));
writeFileSync(`${root}dist/build-id`, `${build.digest("hex").slice(0, 32)}\n`);
writeLicences(
  root,
  bundles.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {})),
);

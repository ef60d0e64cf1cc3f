#!/usr/bin/env node
// CommonJS and old syntax on purpose: this file must start fast, and must still run on a Node that is too old, to say so.
"use strict";
var version = process.versions.node.split(".");
if (Number(version[0]) < 22 || (Number(version[0]) === 22 && Number(version[1]) < 18)) {
  process.stderr.write(
    "runner needs Node 22.18 or later, this is Node " + process.versions.node + ": install a newer Node and run it again\n",
  );
  process.exit(78);
}
// Asked by install scripts and prompts all the time, and answered without loading the rest.
if (process.argv.length === 3 && (process.argv[2] === "--version" || process.argv[2] === "-V")) {
  process.stdout.write(require("../package.json").version + "\n");
  return;
}
// Node 22 warns once that node:sqlite is experimental, and each Node of how code-cache.js has programs imported and allocator.js begins anew. Those
// messages say nothing to our users; every other warning stays.
var emitWarning = process.emitWarning;
process.emitWarning = function (warning) {
  if (
    typeof warning === "string" &&
    /^(SQLite|process\.execve|vm\.USE_MAIN_CONTEXT_DEFAULT_LOADER) is an experimental feature/.test(warning)
  )
    return;
  return emitWarning.apply(process, arguments);
};
if (process.argv[2] === "start") require("./allocator.js").allocateWell(process.argv, process.env);
if (!require("./code-cache.js")(process.argv[2], process.env)) {
  var nodeModule = require("node:module");
  if (nodeModule.enableCompileCache) nodeModule.enableCompileCache();
  require("../dist/runner.cjs");
}

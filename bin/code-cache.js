// Loads the programs in dist/ with the code that V8 made of them the last time. Node's own compile cache is written right after a file was
// compiled, so a function that is called later is not in it and is compiled anew by every process; this one is written when the process
// ends, for each command apart, and holds just what the command has called. CommonJS and old syntax, as runner.js.
"use strict";
var fs = require("node:fs");
var path = require("node:path");
var vm = require("node:vm");

var dist = path.join(__dirname, "..", "dist");
/** Caches of other builds that nobody has used for so long are removed. */
var keptMs = 30 * 24 * 3600 * 1000;
var modules = {};
var fresh = [];

/** The folder of this build, this Node and this command; undefined where none may be used. */
function folderFor(command, env) {
  if (env.NODE_DISABLE_COMPILE_CACHE || typeof process.getuid !== "function") return undefined;
  var base = path.isAbsolute(env.XDG_CACHE_HOME || "") ? env.XDG_CACHE_HOME : path.join(env.HOME || "", ".cache");
  if (!path.isAbsolute(base)) return undefined;
  try {
    // Of each build: two sources of the same length are the same to V8.
    var build = fs.readFileSync(path.join(dist, "build-id"), "utf8").trim();
    var name = [build, process.version, process.arch].join("-");
    var folder = path.join(base, "runner", name, /^[a-z]{1,20}$/.test(command || "") ? command : "other");
    if (!fs.existsSync(folder)) makeFolders([base, path.join(base, "runner"), path.dirname(folder), folder]);
    var facts = fs.lstatSync(folder);
    // What lies there is carried out, so nobody else may write it.
    return facts.isDirectory() && facts.uid === process.getuid() && (facts.mode & 18) === 0 ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** One by one: a home that is not there is not made, and Node's recursive form never ends in places such as /proc. */
function makeFolders(folders) {
  folders.forEach(function (folder) {
    if (!fs.existsSync(folder)) fs.mkdirSync(folder, { mode: 448 });
  });
}

/** A file of dist/ as a CommonJS module. The programs ask for one another by `./NAME.cjs`, and else for Node's own modules only. */
function load(name, folder) {
  if (modules[name] !== undefined) return modules[name].exports;
  var filename = path.join(dist, name);
  var cached = path.join(folder, name + ".bin");
  var data;
  try {
    data = fs.readFileSync(cached);
  } catch {
    // The first time.
  }
  var head = "(function (exports, require, module, __filename, __dirname) {";
  var script = new vm.Script(head + fs.readFileSync(filename, "utf8") + "\n})", {
    filename: filename,
    columnOffset: -head.length,
    cachedData: data,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  if (data === undefined || script.cachedDataRejected) fresh.push({ script: script, file: cached });
  var own = (modules[name] = { exports: {}, filename: filename, id: filename });
  var requireFrom = function (id) {
    return /^\.\/[\w-]+\.cjs$/.test(id) ? load(id.slice(2), folder) : require(id);
  };
  script.runInThisContext().call(own.exports, own.exports, requireFrom, own, filename, dist);
  return own.exports;
}

/** Whole or not at all, also when the power fails: V8 trusts what it is given. A cache that cannot be written is none. */
function keep() {
  if (fresh.length === 0) return;
  var temporary;
  try {
    fresh.forEach(function (one) {
      temporary = one.file + "." + process.pid;
      var open = fs.openSync(temporary, "wx", 384);
      try {
        fs.writeFileSync(open, one.script.createCachedData());
        fs.fsyncSync(open);
      } finally {
        fs.closeSync(open);
      }
      fs.renameSync(temporary, one.file);
    });
    removeOld(path.dirname(path.dirname(fresh[0].file)));
  } catch {
    try {
      fs.rmSync(temporary, { force: true });
    } catch {
      // Nothing is left that could be done about it, and nobody has lost anything.
    }
  }
}

function removeOld(current) {
  var all = path.dirname(current);
  fs.readdirSync(all).forEach(function (name) {
    var other = path.join(all, name);
    if (other !== current && Date.now() - fs.statSync(other).mtimeMs > keptMs) fs.rmSync(other, { recursive: true, force: true });
  });
}

/** Whether the command line was loaded this way. */
module.exports = function start(command, env) {
  var folder = folderFor(command, env);
  if (folder === undefined) return false;
  process.on("exit", keep);
  load("runner.cjs", folder);
  return true;
};

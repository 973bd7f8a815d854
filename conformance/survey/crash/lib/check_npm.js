// What the manifests name can be loaded, and is there if that was printed.
const fs = require("fs")
const fail = (message) => { console.log(message); process.exit(2) }
const parse = (name) => {
  try { return JSON.parse(fs.readFileSync(name, "utf8")) } catch (error) {
    if (error.code === "ENOENT") return null
    fail(`${name} does not parse`)
  }
}
const printed = process.env.TORNPROOF_LAST
const manifest = parse("package.json")
if (!manifest) fail("package.json is gone")
const lock = parse("package-lock.json"), hidden = parse("node_modules/.package-lock.json")
if (printed && !(manifest.dependencies || {}).demo) fail("printed installed, and package.json does not have it")
if (printed && !lock) fail("printed installed, and there is no lock file")
if (hidden && hidden.packages["node_modules/demo"]) {
  let got
  try { got = require(process.cwd() + "/node_modules/demo") } catch (error) { fail("the hidden lock file has demo, and it cannot be loaded") }
  if (got !== 42) fail("the hidden lock file has demo, and it is empty")
}

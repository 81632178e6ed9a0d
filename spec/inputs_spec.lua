-- Files of a template that become build arguments.
local core = require "molbuild.core"
local inputs = require "molbuild.repository.inputs"
local task = require "molbuild.base.task"

describe("the version in an input's text", function()
  local GOOD = {
    ["0.3.115"] = "0.3.115", [" 0.3.116 "] = "0.3.116", ["0.3.117\n# x"] = "0.3.117", ["0.3 .118\t"] = "0.3.118",
    ["0.3.119\r\n"] = "0.3.119", ["hermes@0.3.120"] = "0.3.120", ["a@b@0.3.121"] = "0.3.121", ["v0.3.122"] = "0.3.122",
    ["hermes@v0.3.123"] = "0.3.123", ["V1"] = "1", ["1.2.0+cpu"] = "1.2.0+cpu", ["1.2.0rc1"] = "1.2.0rc1", ["7"] = "7",
    ["1_2-3.4"] = "1_2-3.4", ["\u{FEFF}0.4.89\r\n"] = "0.4.89", ["0.4.90"] = "0.4.90",
  }
  for text, version in pairs(GOOD) do
    it(("of %q is %s"):format(text, version):gsub("%c", "?"), function()
      assert.equal(version, inputs.version(text))
    end)
  end

  for _, text in ipairs { "", "\n", "  \t\n0.1", "\r\n1", "\u{FEFF}" } do
    it(("of %q is none, without a warning"):format(text):gsub("%c", "?"), function()
      assert.same({ n = 1 }, table.pack(inputs.version(text)))
    end)
  end

  for _, text in ipairs {
    "notaversion", "${RUNTIME_VERSION}", "/etc/passwd", "v", "vv1", "x@", "@", "1 $(id)", "1;2", "1/2", "-1", "1\0", "é1", "1é",
  } do
    it(("of %q is none, and the line is given"):format(text):gsub("%c", "?"), function()
      local version, line = inputs.version(text)
      assert.is_nil(version)
      assert.equal((text:gsub("%s", "")), line)
    end)
  end
end)

describe("the inputs of a tree", function()
  local DECLARED = { [".runtime-version"] = "RUNTIME_VERSION" }
  local dir, logged

  before_each(function()
    dir, logged = assert(core.fs.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/inputs.")), {}
  end)

  after_each(function() core.fs.remove_tree(dir) end)

  local function heard(fn, ...)
    local arguments = table.pack(...)
    return task.run(function()
      task.scope().events = function(event) logged[#logged + 1] = event.level .. ": " .. event.message end
      return fn(table.unpack(arguments))
    end)
  end

  local function read(text, declared)
    if text then assert(core.fs.write_atomic(dir .. "/.runtime-version", text, 420)) end
    return heard(inputs.read, dir, declared or DECLARED)
  end

  it("are read from their files", function()
    assert.same({ [".runtime-version"] = "0.4.89" }, read "0.4.89\n")
    assert.same({}, logged)
  end)

  it("that are missing are skipped without a warning", function()
    assert.same({}, read(nil))
    assert.same({}, read("1", { ["no/such"] = "X" }))
    assert.same({}, read "")
    assert.same({}, logged)
  end)

  it("that hold no version give a warning with the value, on one line", function()
    assert.same({}, read "${RUNTIME_VERSION}\n")
    assert.same({ 'warn: .runtime-version of the template cannot set the build argument RUNTIME_VERSION: '
      .. '"${RUNTIME_VERSION}" is not a version' }, logged)
  end)

  it("that are a link, a directory, a FIFO or large give a warning", function()
    local path = dir .. "/.runtime-version"
    for command, why in pairs {
      ["ln -s /etc/hostname " .. path] = "it is not a regular file", ["mkdir " .. path] = "it is not a regular file",
      ["mkfifo " .. path] = "it is not a regular file",
      ["head -c 5120 /dev/zero | tr '\\0' 1 >" .. path] = "it has 5120 bytes; at most 4096 are allowed",
    } do
      assert(os.execute(command))
      logged = {}
      assert.same({}, read(nil))
      assert.same({ "warn: .runtime-version of the template cannot set the build argument RUNTIME_VERSION: " .. why }, logged)
      assert(core.fs.remove_tree(path))
    end
  end)

  it("behind a link are not read: it may lead out of the tree", function()
    assert(core.fs.mkdirp(dir .. "/tree/own", 448))
    assert(core.fs.write_atomic(dir .. "/tree/own/version", "1", 420))
    assert(core.fs.write_atomic(dir .. "/version", "2", 420))
    assert(os.execute(("ln -s .. %s/tree/out && ln -s own %s/tree/in"):format(dir, dir)))
    local values = heard(inputs.read, dir .. "/tree", { ["own/version"] = "OWN", ["out/version"] = "OUT", ["in/version"] = "IN" })
    assert.same({ ["own/version"] = "1" }, values)
    table.sort(logged)
    assert.same({
      "warn: in/version of the template cannot set the build argument IN: a directory on its path is a link",
      "warn: out/version of the template cannot set the build argument OUT: a directory on its path is a link",
    }, logged)
  end)

  it("that are declared otherwise than meant are the policy's mistake", function()
    for message, declared in pairs {
      ['inputs: write ["FILE"] = "ARGUMENT", not [1] = .runtime-version'] = { ".runtime-version" },
      ['inputs: "A B" is not the name of a build argument'] = { a = "A B" },
      ['inputs: "../a" is not a path in the tree, such as .runtime-version or conf/version'] = { ["../a"] = "A" },
      ['inputs: "/etc/a" is not a path in the tree, such as .runtime-version or conf/version'] = { ["/etc/a"] = "A" },
    } do
      local ok, failure = pcall(inputs.read, dir, declared)
      assert.is_false(ok)
      assert.same({ "bug", message }, { failure.kind, failure.message })
    end
    assert.same({}, heard(inputs.read, dir, nil))
  end)

  it("become arguments and labels, which one line reports", function()
    local args, labels = heard(inputs.apply, DECLARED, { [".runtime-version"] = "0.4.89" }, { A = "1" })
    assert.same({ A = "1", RUNTIME_VERSION = "0.4.89" }, args)
    assert.same({ ["app.molecule.runtime-version"] = "0.4.89" }, labels)
    assert.same({ "info: RUNTIME_VERSION=0.4.89 from .runtime-version" }, logged)
  end)

  it("are overridden by an argument of the policy", function()
    local args, labels = heard(inputs.apply, DECLARED, { [".runtime-version"] = "0.4.89" }, { RUNTIME_VERSION = "9" })
    assert.same({ RUNTIME_VERSION = "9" }, args)
    assert.same({ ["app.molecule.runtime-version"] = "9" }, labels)
    assert.same({ "info: RUNTIME_VERSION=9 from the policy, not 0.4.89 from .runtime-version" }, logged)
  end)

  it("that are none change nothing", function()
    local args, labels = heard(inputs.apply, DECLARED, {}, { A = "1" })
    assert.same({ { A = "1" }, {} }, { args, labels })
    assert.same({}, logged)
  end)
end)

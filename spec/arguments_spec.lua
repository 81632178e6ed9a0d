-- The program's arguments, and the variables that decide which policy and which modules it runs.
local run = require "spec.support.run"
local sh = require "spec.support.sh"

local function molbuild(args, env, cwd)
  return run.run { args = args, env = env, cwd = cwd }
end

-- As cli.commands has them; spec/stubs_spec.lua compares them with the pages.
local COMMANDS = table.concat(require("molbuild.cli").commands, ", ")
local OR_VERB = ", or a verb of a policy, and the policy"
local SCRIPTS = sh.run "pwd" .. "/scripts"

describe("an argument that is not known", function()
  for _, case in ipairs {
    { { "rnu" }, "unknown command rnu: use one of " .. COMMANDS .. OR_VERB, 'did you mean "run"?' },
    { { "rnu", "--progress=quiet", "ensure.lua" }, SCRIPTS .. '/ensure.lua has no verb rnu; did you mean "run"?',
      "molbuild help " .. SCRIPTS .. "/ensure.lua" },
    { { "" }, "no command given: use one of " .. COMMANDS, "molbuild --help" },
    { { "--nonsense" }, "unknown option --nonsense", "molbuild --help" },
    { { "--jobs=3", "run" }, "option --jobs must follow the command", "molbuild run --jobs ... SCRIPT" },
    { { "ensure.lua", "hermes" }, "unknown command ensure.lua", "molbuild run ensure.lua" },
    { { "help", "nonsense" }, "unknown command nonsense: use one of " .. COMMANDS .. OR_VERB, "molbuild --help" },
    { { "help", "run", "more" }, "unexpected argument more", "molbuild --help" },
    { { "version", "3" }, "unexpected argument 3", "molbuild --help" },
    { { "--version", "3" }, "unexpected argument 3", "molbuild --help" },
    { { "run", "-x", "ensure.lua" }, "unknown option -x", "molbuild run --help" },
    { { "eject", "--force", "ensure.lua" }, "unknown option --force", "molbuild eject [--test] SCRIPT [DIR]" },
    { { "eject", "a", "b", "c" }, "unexpected argument c", "molbuild eject [--test] SCRIPT [DIR]" },
    { { "eject", "" }, "no script named", "molbuild eject [--test] SCRIPT [DIR]" },
  } do
    it("is named, with what to write: " .. table.concat(case[1], " "), function()
      local result = molbuild(case[1])
      assert.same({ 2, "", ("molbuild: %s\nhint: %s\n"):format(case[2], case[3]) },
        { result.status, result.stdout, (result.stderr:gsub("^molbuild: local%-build: ", "molbuild: ")) })
    end)
  end

  it("is named where it is a script that is not there, or none", function()
    for name, message in pairs {
      ["./none.lua"] = "no script ./none.lua; looked for", ["/tmp"] = "script /tmp is not a regular file",
    } do
      local result = molbuild { "run", name }
      assert.equal(2, result.status)
      assert.truthy(result.stderr:find(message, 1, true), result.stderr)
      assert.truthy(result.stderr:find("\nhint: name ", 1, true), result.stderr)
    end
  end)
end)

describe("a policy", function()
  local dir

  setup(function() dir = sh.temporary "policy" end)
  teardown(function() sh.remove(dir) end)

  for _, case in ipairs {
    { "XDG_CONFIG_HOME", "evil", "evil/molbuild/scripts" },
    { "XDG_CONFIG_HOME", ".", "molbuild/scripts" },
    { "XDG_CONFIG_HOME", "~", "~/molbuild/scripts" },
    { "HOME", "evil", "evil/.config/molbuild/scripts" },
    { "HOME", "~", "~/.config/molbuild/scripts" },
    { "MOLBUILD_PATH", ":", "." },
  } do
    it(("is not taken from a relative path: %s=%s"):format(case[1], case[2]), function()
      sh.write(("%s/%s/ensure.lua"):format(dir, case[3]), 'return { run = function() return "evil" end }')
      -- The shipped one refuses that runtime.
      local result = molbuild({ "run", "ensure.lua", "nonsense" }, { [case[1]] = case[2] }, dir)
      assert.equal(2, result.status, result.stderr)
      assert.truthy(result.stderr:find('unknown runtime "nonsense"', 1, true), result.stderr)
    end)
  end

  for path, message in pairs {
    ["evil"] = '"evil" is not an absolute path', ["/tmp:."] = '"." is not an absolute path',
    ["~/scripts"] = '"~/scripts" begins with ~, which only a shell expands',
  } do
    it("is not looked for where MOLBUILD_PATH is " .. path, function()
      local result = molbuild({ "run", "ensure.lua", "hermes" }, { MOLBUILD_PATH = path }, dir)
      assert.equal(2, result.status)
      assert.truthy(result.stderr:find("MOLBUILD_PATH: " .. message .. "\nhint: write ", 1, true), result.stderr)
    end)
  end

  it("runs as an editor saves it, and its errors name the right line", function()
    sh.write(dir .. "/p.lua", '\xEF\xBB\xBF#!/usr/bin/molbuild run\r\nreturn { run = function() return "ok" end }\r\n')
    assert.equal("ok\n", molbuild({ "run", dir .. "/p.lua" }).stdout)
    sh.write(dir .. "/outer.lua", ('return molbuild.load %q'):format(dir .. "/p.lua"))
    assert.equal("ok\n", molbuild({ "run", dir .. "/outer.lua" }).stdout)
    sh.write(dir .. "/bad.lua", "\xEF\xBB\xBF#!/usr/bin/molbuild run\r\n\r\nreturn {{\r\n")
    local result = molbuild { "run", dir .. "/bad.lua" }
    assert.equal(70, result.status)
    assert.truthy(result.stderr:find("bad.lua:4:", 1, true), result.stderr)
  end)

  it("in UTF-16 is refused by that name", function()
    sh.write(dir .. "/wide.lua", "\xFF\xFEr\0e\0")
    local result = molbuild { "run", dir .. "/wide.lua" }
    assert.equal(2, result.status)
    assert.truthy(result.stderr:find("wide.lua is UTF-16 text: save it as UTF-8", 1, true), result.stderr)
  end)
end)

describe("MOLBUILD_LUA_PATH", function()
  it("must name a directory, by an absolute path", function()
    for path, message in pairs {
      ["/nonexistent/lua"] = "is not a directory", ["/etc/passwd"] = "is not a directory",
      lua = "is not an absolute path", ["~/lua"] = "is not an absolute path",
    } do
      local result = molbuild({ "version" }, { MOLBUILD_LUA_PATH = path })
      assert.equal(2, result.status)
      assert.equal(("molbuild: MOLBUILD_LUA_PATH: %q %s\nhint: name the directory of the library's modules by its whole path, "
        .. "or unset the variable\n"):format(path, message), result.stderr)
    end
  end)

  it("gives the modules", function()
    for _, path in ipairs { "", sh.run "pwd" .. "/lua" } do
      assert.equal(0, molbuild({ "version" }, { MOLBUILD_LUA_PATH = path }).status)
    end
  end)
end)

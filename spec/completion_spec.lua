-- `molbuild completion`: what completes a command line, and the texts for shells in the real shells.
local core = require "molbuild.core"
local run = require "spec.support.run"
local sh = require "spec.support.sh"
local terminal = require "spec.support.terminal"

-- A policy whose name and runtimes would do something if a shell evaluated them.
local HOSTILE = [[
return { verbs = { run = "x" }, run = function() end, runtimes = { "x y", "$(touch pwned4)", "it's" } }
]]
local NAMES = { "a b.lua", "$(touch pwned1).lua", "`touch pwned2`.lua", ";touch pwned3;.lua", "other.lua" }

describe("completion", function()
  local dir, env

  setup(function()
    dir = sh.temporary "completion"
    for _, name in ipairs(NAMES) do sh.write(("%s/work/%s"):format(dir, name), HOSTILE) end
    sh.write(dir .. "/work/part.lua", "return { words = {} }\n")
    sh.write(dir .. "/work/other_test.lua", "")
    assert(core.fs.mkdirp(dir .. "/work/sub"))
    assert(core.fs.mkdirp(dir .. "/bin"))
    sh.run(("ln -s %s %s/bin/molbuild"):format(sh.quote(sh.run("realpath " .. sh.quote(run.program))), dir))
    env = { PATH = dir .. "/bin:" .. os.getenv "PATH", HOME = dir .. "/home", TERM = "screen" }
    assert(core.fs.mkdirp(env.HOME))
  end)

  teardown(function()
    for number = 1, 4 do assert.is_nil(core.fs.lstat(("%s/work/pwned%d"):format(dir, number))) end
    sh.remove(dir)
  end)

  -- The words that complete the last one, and what the shell adds.
  local function complete(...)
    local result = run.run { args = { "completion", "zsh", ... }, cwd = dir .. "/work", env = env }
    assert.equal(0, result.status, result.stderr)
    local list = {}
    for word in result.stdout:gmatch "=([^\t\n]*)[^\n]*\n" do list[#list + 1] = word end
    return table.concat(list, " "), result.stdout:match ":(%a+)\n$"
  end

  it("offers the commands, and the verbs of ensure.lua", function()
    local words = complete("molbuild", "")
    for _, name in ipairs(require("molbuild.cli").commands) do
      assert.truthy((" " .. words .. " "):find(" " .. name .. " ", 1, true), name)
    end
    assert.equal("plan", (complete("molbuild", "pl")))
    assert.equal("bash", (complete("molbuild", "completion", "b")))
  end)

  it("offers the options of a command, and their values", function()
    assert.equal("--progress=", (complete("molbuild", "plan", "--pro")))
    assert.equal("--progress=tty", (complete("molbuild", "run", "--progress=t")))
    assert.equal("tty", (complete("molbuild", "run", "--progress", "t")))
    assert.equal("--output=text --output=json", (complete("molbuild", "settings", "--output=")))
    assert.equal("--coverage", (complete("molbuild", "test", "--c")))
    assert.same({ "", "files" }, { complete("molbuild", "run", "--trace", "") })
    assert.equal("", (complete("molbuild", "run", "-v", "-v")))
  end)

  it("offers policies, and no parts of them: of the directories of scripts", function()
    assert.equal("ensure-native.lua ensure.lua", (complete("molbuild", "run", "ensure")))
    assert.equal("a b.lua", (complete("molbuild", "check", "other.lua", "a")))
    assert.same({ "", "files" }, { complete("molbuild", "run", "part") })
    assert.same({ "", "files" }, { complete("molbuild", "run", "./a") })
    assert.same({ "other_test.lua", "files" }, { complete("molbuild", "test", "o") })
    assert.same({ "", "directories" }, { complete("molbuild", "eject", "ensure.lua", "") })
  end)

  it("offers the runtimes of the policy, and the options of its verb", function()
    assert.equal("claude-code codex crewai", (complete("molbuild", "run", "-v", "ensure", "c")))
    assert.equal("codex crewai", (complete("molbuild", "run", "ensure.lua", "claude-code", "c")))
    assert.truthy(complete("molbuild", "plan", "ensure.lua", "--"):find "%-%-rebuild.* %-%-all$")
    assert.same({ "", "files" }, { complete("molbuild", "run", "ensure.lua", "--dir", "") })
    assert.equal("hermes", (complete("molbuild", "settings", "ensure.lua", "h")))
    assert.equal("x y $(touch pwned4) it's --all", (complete("molbuild", "run", "a b.lua", "")))
    assert.equal("", (complete("molbuild", "run", "missing.lua", "")))
  end)

  it("runs no policy that another user can write, and none that does not end", function()
    sh.write(dir .. "/work/shared.lua", HOSTILE)
    sh.run { "chmod", "666", dir .. "/work/shared.lua" }
    assert.equal("", (complete("molbuild", "run", "shared.lua", "")))
    sh.write(dir .. "/work/endless.lua", "local function run() end while true do run() end")
    assert.equal("", (complete("molbuild", "run", "endless.lua", "")))
    os.remove(dir .. "/work/endless.lua")
  end)

  it("offers the settings, and their values", function()
    assert.equal("MOLECULE_HEAD_LOOKUP= MOLECULE_HEAD_MAX_AGE_S=", (complete "MOLECULE_HEAD_"))
    assert.equal("MOLECULE_HEAD_LOOKUP=gitea MOLECULE_HEAD_LOOKUP=git", (complete "MOLECULE_HEAD_LOOKUP="))
    assert.same({ "", "directories" }, { complete "MOLECULE_LOCAL_BUILD_CACHE=" })
  end)

  it("names the shells when it is for another one", function()
    local result = run.run { args = { "completion", "tcsh" } }
    assert.equal(2, result.status)
    assert.equal('molbuild: completion is for one of bash, zsh, fish, not "tcsh"\nhint: molbuild completion bash\n', result.stderr)
  end)

  it("reads a word of bash without running anything in it", function()
    local unquoted = require("molbuild.completion").unquoted
    for quoted, plain in pairs {
      ["a\\ b"] = "a b", ['"a b'] = "a b", ["'a \\b'c"] = "a \\bc", ['"\\$(x) \\a"'] = "$(x) \\a", ["$(x)"] = "$(x)",
      ["\\"] = "", [""] = "", ["'it'\\''s'"] = "it's",
    } do
      assert.equal(plain, unquoted(quoted))
    end
  end)

  -- Shells ---------------------------------------------------------------------------------------------------------------

  -- A shell on a busy machine may take a key for another one, or lose it, while it still draws: the line is then typed again.
  local TRIES = 4

  local function type_line(term, line, tries)
    term:press "C-u"
    term:press("-l -- " .. sh.quote(line[1]))
    term:press "Tab"
    local ok, failure = pcall(term.wait_for, term, function(shown) return shown[#shown] == "> " .. line[2] end)
    if ok then return end
    if tries == 1 then error(failure, 0) end
    type_line(term, line, tries - 1)
  end

  -- Type each line in a shell, with Tab at its end, until it is what is expected.
  local function type_in(shell, lines)
    local command = run.command { program = "/bin/sh", args = { "-c", shell }, env = env, home = env.HOME }
    local term = terminal.start(dir, ("cd %s/work && %s"):format(dir, command), 120, 30)
    local ok, failure = pcall(function()
      term:wait_for(function(shown) return shown[#shown] == ">" end)
      for _, line in ipairs(lines) do type_line(term, line, TRIES) end
    end)
    term:close()
    if not ok then error(failure, 0) end
  end

  -- What all shells make of a line: quoted as its beginning is.
  local COMMON = {
    { "molbuild run ensure-n", "molbuild run ensure-native.lua" },
    { "molbuild run --progress=t", "molbuild run --progress=tty" },
    { "molbuild plan ensure.lua her", "molbuild plan ensure.lua hermes" },
    { "molbuild run a", "molbuild run a\\ b.lua" },
    { 'molbuild run "a', 'molbuild run "a b.lua"' },
    { "molbuild run \\$", "molbuild run \\$\\(touch\\ pwned1\\).lua" },
    { "molbuild run '$", "molbuild run '$(touch pwned1).lua'" },
    { "molbuild run a\\ b.lua x", "molbuild run a\\ b.lua x\\ y" },
    { "molbuild run 'a b.lua' '$", "molbuild run 'a b.lua' '$(touch pwned4)'" },
    { "molbuild run --trace=su", "molbuild run --trace=sub/" },
    { "molbuild eject ensure.lua s", "molbuild eject ensure.lua sub/" },
    { "MOLECULE_HEAD_M", "MOLECULE_HEAD_MAX_AGE_S=" },
    { "MOLECULE_IMAGE_PULL=never molbuild run ot", "MOLECULE_IMAGE_PULL=never molbuild run other.lua" },
    { "basenam", "basename" },
    { "FOO=su", "FOO=sub/" },
  }

  it("works in bash", function()
    sh.run "${MOLBUILD_BIN:-build/molbuild} completion bash | shellcheck -s bash -"
    sh.write(dir .. "/rc.bash", "source <(molbuild completion bash)\nPS1='> '\n")
    local lines = table.move(COMMON, 1, #COMMON, 1, {})
    lines[#lines + 1] = { 'molbuild run "$', 'molbuild run "\\$(touch pwned1).lua"' }
    type_in(("exec bash --noprofile --rcfile %s/rc.bash -i"):format(dir), lines)
  end)

  it("works in zsh, from a directory of fpath", function()
    sh.write(dir .. "/functions/_molbuild", run.run({ args = { "completion", "zsh" } }).stdout)
    sh.write(dir .. "/zsh/.zshrc", ("fpath=(%s/functions $fpath)\nautoload -U compinit\ncompinit -u -D\nPS1='> '\n"):format(dir))
    local lines = table.move(COMMON, 1, #COMMON, 1, {})
    lines[#lines + 1] = { "MOLECULE_HEAD_LOOKUP=gite", "MOLECULE_HEAD_LOOKUP=gitea" }
    -- The first word is completed for settings once molbuild's own completion has been loaded.
    type_in(("ZDOTDIR=%s/zsh exec zsh -i"):format(dir), lines)
  end)

  it("works in fish", function()
    local function fish(line)
      local ended = run.run {
        program = "fish", args = { "--no-config", "-c", 'molbuild completion fish | source; complete -C "$argv[1]"', line },
        env = env, cwd = dir .. "/work",
      }
      assert.equal("", ended.stderr)
      return (ended.stdout:gsub("\t[^\n]*", ""):gsub("\n$", ""):gsub("\n", " "))
    end
    assert.equal("ensure-native.lua", fish "molbuild run ensure-")
    assert.equal("--progress=tty", fish "molbuild run --progress=t")
    assert.equal("hermes", fish "MOLECULE_IMAGE_PULL=never molbuild plan ensure.lua her")
    assert.equal("a b.lua", fish "molbuild run a")
    assert.equal("a b.lua", fish 'molbuild run "a')
    assert.equal("$(touch pwned1).lua", fish "molbuild run \\$")
    assert.equal("x y", fish "molbuild run a\\ b.lua x")
    assert.equal("$(touch pwned4)", fish "molbuild run 'a b.lua' '$")
    assert.equal("sub/", fish "molbuild eject ensure.lua s")
  end)
end)

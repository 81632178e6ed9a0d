-- `molbuild run` with a choice: a branch, a commit, a working tree; and the memory of failures. With a real forge, git and engine.
local docker = require "spec.support.docker"
local json = require "molbuild.base.json"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local NAME = "molecule-local/workspace-template-claude-code:"

describe("run", function()
  local w

  setup(function() w = world.new() end)
  after_each(function() w:again() end)
  teardown(function()
    world.remove_images()
    w:close()
  end)

  local function commit(says, branch)
    return w:commit("org", "claude-code", world.template_files(says), branch)
  end

  local function run(...)
    return w:ensure { "claude-code", ... }
  end

  local function plan(...)
    local result = w:run { "plan", "-q", "--output=json", "ensure.lua", "claude-code", ... }
    local row = json.decode(result.stdout)
    assert.is_table(row, result.stderr)
    return row, result.status
  end

  local function id_of(tag) return docker.id(NAME .. tag) end

  local function says(tag)
    return (table.concat(docker.image(NAME .. tag).Config.Env, "\n") .. "\n"):match "SAYS=(.-)\n"
  end

  it("--branch and --commit build what they name, and leave :latest to the policy's own branch", function()
    local old = commit "old"
    commit "new"
    local other = commit("other", "next")
    assert.equal(0, run().status)
    local latest = id_of "latest"
    local result = run("--commit=" .. other)
    assert.not_equal(0, result.status)
    assert.truthy(result.stderr:find("is not on the branch main", 1, true), result.stderr)
    result = run "--branch=next"
    assert.equal(NAME .. other:sub(1, 12) .. "\n", result.stdout, result.stderr)
    assert.equal("other", says(other:sub(1, 12)))
    assert.equal(latest, id_of "latest")
    result = run("--commit", old:upper())
    assert.equal(NAME .. old:sub(1, 12) .. "\n", result.stdout, result.stderr)
    assert.equal("old", says(old:sub(1, 12)))
    assert.equal(latest, id_of "latest")
    assert.same({ "hit", old }, { plan("--commit=" .. old).outcome, plan("--commit=" .. old).commit })
    result = run("--branch=next", "--rebuild", "--commit=" .. other)
    assert.equal(NAME .. other:sub(1, 12) .. "\n", result.stdout, result.stderr)
    assert.equal(latest, id_of "latest")
    -- The policy's own branch by its name moves it.
    local new = commit "newer"
    assert.equal(0, run("--branch=main").status)
    assert.equal(id_of(new:sub(1, 12)), id_of "latest")
  end)

  -- A git work tree with all that one can have: changes, files that git ignores, links, a program, a submodule's place.
  local function working_tree()
    local dir = w.dir .. "/tree"
    sh.run(([[rm -rf DIR && mkdir -p DIR/sub && cd DIR && git init -q -b main && cp /bin/busybox busybox
printf 'FROM scratch\nCOPY . /\nCMD ["/busybox","find","/","-xdev","-not","-path","/[psd][ryeo]*"]\n' >Dockerfile
echo ignored >.gitignore; echo one >kept; echo gone >gone; ln -s kept link; echo x >sub/x
git add -A && git -c user.name=s -c user.email=s@s commit -qm x
rm gone; echo new >"new file"; echo no >ignored; echo two >kept; mkdir -p nested && git init -q nested && echo no >nested/no]])
      :gsub("DIR", dir))
    return dir
  end

  it("--dir builds a working tree as it is, asks no forge, and finds it again", function()
    local sha = commit "committed"
    assert.equal(0, run().status)
    local latest, dir = id_of "latest", working_tree()
    sh.run(": >" .. w.forge .. "/log/access.log")
    assert.equal("no image of " .. dir .. " as it is now", plan("--dir=" .. dir).reason)
    local result = run("--dir=" .. dir)
    assert.equal(0, result.status, result.stderr)
    local tag = result.stdout:match(NAME:gsub("%p", "%%%0") .. "(dev%-%x+)\n$")
    assert.equal(16, #tag, result.stdout)
    assert.equal(latest, id_of "latest")
    assert.equal(id_of(sha:sub(1, 12)), id_of "latest")
    local files = sh.run("docker run --rm --network none " .. NAME .. tag)
    for _, name in ipairs { "/new file", "/kept", "/link", "/sub/x", "/nested" } do
      assert.truthy((files .. "\n"):find(name .. "\n", 1, true), name .. " in\n" .. files)
    end
    for _, name in ipairs { "/gone", "/ignored", "/nested/no", "/.git" } do
      assert.is_nil((files .. "\n"):find(name .. "\n", 1, true), name .. " in\n" .. files)
    end
    local labels = docker.image(NAME .. tag).Config.Labels
    assert.equal(tag, labels["org.opencontainers.image.revision"]:sub(1, #tag))
    assert.equal("file://" .. dir, labels["org.opencontainers.image.source"])
    result = run("--dir", dir)
    assert.equal(NAME .. tag .. "\n", result.stdout)
    assert.is_nil(result.stderr:find("built\n", 1, true), result.stderr)
    assert.equal("hit", plan("--dir=" .. dir).outcome)
    assert.is_true(plan("--rebuild", "--dir=" .. dir).seconds > 0)
    local listed = w:run { "list", "-q", "--output=json", "ensure.lua", "claude-code" }
    for line in listed.stdout:gmatch "[^\n]+" do
      local row = json.decode(line)
      table.sort(row.files or {})
      if row.tag == tag then assert.same({ "log", "record", "tree" }, row.files) end
      assert.not_equal("build", row.kind, line)
    end
    assert.truthy(listed.stdout:find('"' .. tag .. '"', 1, true), listed.stderr)
    sh.write(dir .. "/ignored", "more")
    sh.run("touch " .. dir .. "/kept")
    assert.equal("hit", plan("--dir=" .. dir).outcome)
    sh.run("chmod +x " .. dir .. "/kept")
    assert.equal("build", plan("--dir=" .. dir).outcome)
    assert.same({}, w:requests "/")
    assert.equal("two\n", sh.read(dir .. "/kept"))
  end)

  it("--dir leaves a tree alone that cannot be built", function()
    local dir = w.dir .. "/bad"
    sh.write(dir .. "/says", "hello")
    local result = run("--dir=" .. dir)
    assert.equal(7, result.status, result.stderr)
    assert.equal("hello", sh.read(dir .. "/says"))
  end)

  it("builds again where the policy sets a declared input to another value", function()
    commit "with an input"
    local path = w.dir .. "/fork.lua"
    local function outcome(verb, version)
      sh.write(path, ('local ensure = require("molbuild").load "ensure.lua"\nensure.build_args = { RUNTIME_VERSION = %q }\n'
        .. "return ensure\n"):format(version))
      local result = w:run { verb, "-q", "--output=json", path, "claude-code" }
      local row = json.decode(result.stdout)
      return row and row.outcome or result.stderr, row and row.reason
    end
    assert.equal("built", outcome("run", "1.0"))
    assert.equal("hit", outcome("run", "1.0"))
    assert.same({ "build", "it was built with RUNTIME_VERSION=1.0, not 2.0" }, { outcome("plan", "2.0") })
    assert.equal("built", outcome("run", "2.0"))
    assert.equal("hit", outcome("run", "2.0"))
  end)

  it("builds a commit that cannot be built only once within a time, unless something changed", function()
    local files = world.template_files "x"
    files.Dockerfile = 'FROM scratch\nCOPY busybox /busybox\nRUN ["/busybox", "sh", "-c", "echo so long; exit 3"]\n'
    local sha = w:commit("org", "claude-code", files)
    local env = { MOLECULE_FAILED_RETRY_S = "600" }
    local first = w:ensure("claude-code", env)
    assert.equal(8, first.status, first.stderr)
    local path = ("%s/claude-code/%s"):format(w.cache, sha:sub(1, 12))
    local record = sh.read(path .. ".json")
    local second = w:run({ "run", "--output=json", "ensure.lua", "claude-code" }, env)
    assert.equal(8, second.status, second.stderr)
    local failure = json.decode(second.stdout).error
    assert.same({ "build", 8, false }, { failure.kind, failure.exit, failure.retry })
    assert.truthy(second.stderr:find("the whole log: " .. path .. ".log\n", 1, true), second.stderr)
    local again_later = "code: 3 %(it failed %d+%a ago, and is not built again for %d+%a: MOLECULE_FAILED_RETRY_S%)$"
    assert.truthy(failure.message:find(again_later), failure.message)
    assert.truthy(failure.hint:find("--rebuild", 1, true))
    assert.is_nil(second.stderr:find("building", 1, true), second.stderr)
    assert.equal(record, sh.read(path .. ".json"))
    local result = w:run({ "plan", "-q", "--output=json", "ensure.lua", "claude-code" }, env)
    assert.same({ 8, "failed" }, { result.status, json.decode(result.stdout).outcome })
    for what, again in pairs {
      rebuild = function() return w:ensure({ "claude-code", "--rebuild" }, env) end,
      ["the setting is off"] = function() return w:ensure "claude-code" end,
      ["the bound of the template"] = function()
        return w:ensure("claude-code", { MOLECULE_FAILED_RETRY_S = "600", MOLECULE_TEMPLATE_MAX_FILES = "1000" })
      end,
    } do
      result = again()
      assert.equal(8, result.status, result.stderr)
      assert.truthy(result.stderr:find("building", 1, true), what)
    end
    sha = commit "it works"
    result = w:ensure("claude-code", env)
    assert.equal(NAME .. sha:sub(1, 12) .. "\n", result.stdout, result.stderr)
  end)
end)

-- Environment variables, as policies read them.
local env = require "molbuild.base.env"
local core = require "molbuild.core"
local task = require "molbuild.base.task"

local values
local getenv = core.sys.getenv

local function with_values()
  setup(function()
    core.sys.getenv = function(name) return values[name] end
  end)

  before_each(function()
    values = {}
  end)

  teardown(function()
    core.sys.getenv = getenv
  end)
end

describe("a variable that has one of a few values", function()
  with_values()

  it("has no other", function()
    for value, expected in pairs { git = "git", gitea = "gitea", [""] = false } do
      values.MOLBUILD_SPEC = value
      assert.equal(expected, env.choice("MOLBUILD_SPEC", "git", "gitea") or false)
    end
    values.MOLBUILD_SPEC = nil
    assert.is_nil((env.choice("MOLBUILD_SPEC", "git", "gitea")))
    values.MOLBUILD_SPEC = "svn"
    local ok, failure = pcall(env.choice, "MOLBUILD_SPEC", "git", "gitea")
    assert.is_false(ok)
    assert.same({ "usage", 'MOLBUILD_SPEC must be git or gitea, not "svn"' }, { failure.kind, failure.message })
  end)
end)

describe("a switch", function()
  with_values()

  it("is on and off by the words in use", function()
    for word, on in pairs {
      ["1"] = true, ["true"] = true, TRUE = true, yes = true, on = true,
      ["0"] = false, ["false"] = false, False = false, no = false, off = false,
    } do
      values.MOLBUILD_SPEC = word
      assert.equal(on, env.switch("MOLBUILD_SPEC", not on), word)
    end
  end)

  it("has its default where it is not set or empty", function()
    for _, value in ipairs { "", false } do
      values.MOLBUILD_SPEC = value or nil
      assert.is_false(env.switch "MOLBUILD_SPEC")
      assert.is_true(env.switch("MOLBUILD_SPEC", true))
    end
  end)

  it("is refused with another word", function()
    values.MOLBUILD_SPEC = "maybe"
    local ok, failure = pcall(env.switch, "MOLBUILD_SPEC")
    assert.is_false(ok)
    assert.same({ "usage", 'MOLBUILD_SPEC must be 0 or 1, not "maybe"' }, { failure.kind, failure.message })
  end)
end)

describe("a directory from the environment", function()
  with_values()

  it("is that of the XDG variable, else below the home", function()
    values = { XDG_CONFIG_HOME = "/xdg", HOME = "/home/u" }
    assert.equal("/xdg", env.xdg("XDG_CONFIG_HOME", ".config"))
    values.XDG_CONFIG_HOME = nil
    assert.equal("/home/u/.config", env.xdg("XDG_CONFIG_HOME", ".config"))
    assert.is_nil(env.xdg "XDG_RUNTIME_DIR")
  end)

  it("is never a relative one", function()
    for _, path in ipairs { "evil", ".", "./evil", "~", "~/x", "" } do
      values = { XDG_CONFIG_HOME = path, XDG_RUNTIME_DIR = path, HOME = "/home/u" }
      assert.equal("/home/u/.config", env.xdg("XDG_CONFIG_HOME", ".config"), path)
      assert.is_nil(env.xdg "XDG_RUNTIME_DIR", path)
      values.HOME = path
      assert.is_nil(env.xdg("XDG_CONFIG_HOME", ".config"), path)
      values = { XDG_CACHE_HOME = path, HOME = path, TMPDIR = path }
      assert.equal("/tmp", env.cache_dir(), path)
    end
  end)

  it("for caches is the temporary directory without a home", function()
    values = { TMPDIR = "/t" }
    assert.equal("/t", env.cache_dir())
  end)

  it("is refused where a ~ was not expanded, with the path that may have been meant", function()
    values = { HOME = "/home/u" }
    assert.equal("/a/~b", env.check_path("/a/~b", "X"))
    for path, meant in pairs { ["~/x"] = "X=/home/u/x", ["~"] = "X=/home/u" } do
      local ok, failure = pcall(env.check_path, path, "X")
      assert.is_false(ok)
      assert.equal("usage", failure.kind)
      assert.equal(('X: "%s" begins with ~, which only a shell expands'):format(path), failure.message)
      assert.equal("write the whole path, such as " .. meant, failure.hint)
    end
  end)
end)

describe("a program", function()
  local find, asked, there = core.process.find, nil, nil

  setup(function()
    core.process.find = function(name)
      asked[#asked + 1] = name
      return there[name]
    end
  end)
  teardown(function() core.process.find = find end)
  before_each(function() asked, there = {}, { git = "/usr/bin/git" } end)

  local function in_a_run(fn)
    task.run(function()
      task.scope().run = {}
      fn()
    end)
  end

  it("is looked for once in a run, and again in the next", function()
    for _ = 1, 2 do
      in_a_run(function()
        for _ = 1, 3 do assert.equal("/usr/bin/git", env.program "git") end
      end)
    end
    assert.same({ "git", "git" }, asked)
  end)

  it("is looked for until it is there", function()
    in_a_run(function()
      assert.is_nil(env.program "docker")
      there.docker = "/usr/bin/docker"
      assert.equal("/usr/bin/docker", env.program "docker")
      assert.equal("/usr/bin/docker", env.program "docker")
    end)
    assert.same({ "docker", "docker" }, asked)
  end)
end)

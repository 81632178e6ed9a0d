-- Names from outside, checked before they are used.
local core = require "molbuild.core"
local names = require "molbuild.base.names"

local function why(check, ...)
  local ok, failure = pcall(check, ...)
  assert.is_false(ok)
  assert.equal("usage", failure.kind)
  assert.is_nil(failure.message:find "%c")
  return failure.message
end

local function accepts(check, ...)
  local ok, result = pcall(check, ...)
  return ok, result
end

local BRANCHES = {
  good = { "main", "next", "feature/x", "a-b", "v1.2", "x@y", "a.lockb", "é", "release/2024-01", "@", "@x",
    "a{b", "x!", "#1", "a%b" },
  bad = {
    "", "--x", "-", "-x", "a..b", "..", "a b", "refs/../x", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "a@{b",
    "HEAD", "a.", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a\nb", "a\127b", "a\tb", " a", "a ", "a/./b",
  },
}

describe("names.branch", function()
  for _, name in ipairs(BRANCHES.good) do
    it("takes " .. name, function()
      assert.equal(name, names.branch(name))
    end)
  end

  for _, name in ipairs(BRANCHES.bad) do
    it(("refuses %q"):format(name):gsub("%c", "?"), function()
      assert.truthy(why(names.branch, name):find('^the branch ".*" cannot be used: it'
        ) or why(names.branch, name):find '^the branch ".*" cannot be used: a part of it')
    end)
  end

  it("refuses what is no text, and what is too long for a file's name", function()
    why(names.branch, nil)
    why(names.branch, 7)
    assert.equal(("x"):rep(244), names.branch(("x"):rep(244)))
    why(names.branch, ("x"):rep(245))
  end)

  it("is of one opinion with git", function()
    local function git(name)
      local quoted = "'" .. name:gsub("'", "'\\''") .. "'"
      return os.execute("git check-ref-format --branch " .. quoted .. " >/dev/null 2>&1") == true
    end
    for _, list in pairs(BRANCHES) do
      for _, name in ipairs(list) do
        assert.equal(git(name), (accepts(names.branch, name)), ("%q"):format(name))
      end
    end
  end)
end)

describe("names.component", function()
  it("takes what can be a path, a URL's part and an image's name", function()
    for _, name in ipairs { "hermes", "claude-code", "my.agent", "a_b", "a__b", "a--b", "x1", "9" } do
      assert.equal(name, names.component(name, "x"))
    end
  end)

  it("refuses anything else", function()
    for _, name in ipairs {
      "", ".", "..", "../x", "a/b", "A", "a b", "-x", "--all", "x-", "a..b", "a._b", "a___b", "a\n", "a%2fb",
      "é", "a:b", "a\0b",
      ("x"):rep(101),
    } do
      assert.equal('the runtime "', why(names.component, name, "the runtime"):sub(1, 13))
    end
    why(names.component, {}, "x")
  end)
end)

describe("names.image_prefix", function()
  it("takes names with and without a registry, and takes slashes off their end", function()
    for given, wanted in pairs {
      ["molecule-local"] = "molecule-local", ["a/b/c"] = "a/b/c", ["registry.example/x"] = "registry.example/x",
      ["registry.example/x//"] = "registry.example/x", ["localhost:5000"] = "localhost:5000",
      ["localhost:5000/x"] = "localhost:5000/x", ["[::1]:5000/x"] = "[::1]:5000/x",
      ["Registry.Example/x"] = "Registry.Example/x",
      ["10.0.0.1:5000/a/b"] = "10.0.0.1:5000/a/b", ["registry"] = "registry",
    } do
      assert.equal(wanted, names.image_prefix(given, "x"))
    end
  end)

  it("refuses what no image can be called", function()
    for _, prefix in ipairs {
      "", "/", "//", "a//b", "/a", "a b", "a\nb", " a", "-x", "--x", "a/../b", "a/B",
      "https://registry.example/x", "a:b/c", "a@b", "..",
      "x/-y", "host:99x/x", "a\0b", "registry.example:5000:1/x", "-.example/x", ("a"):rep(128),
    } do
      assert.truthy(why(names.image_prefix, prefix, "MOLECULE_IMAGE_REGISTRY"):find("MOLECULE_IMAGE_REGISTRY", 1, true))
    end
  end)

  it("says that a scheme does not belong there", function()
    assert.truthy(why(names.image_prefix, "https://r.example/x", "where"):find("without a scheme", 1, true))
  end)
end)

describe("names.directory", function()
  it("gives an absolute path as it is, without slashes at its end", function()
    assert.equal("/a b/c", names.directory("/a b/c", "x"))
    assert.equal("/a", names.directory("/a//", "x"))
    assert.equal("/", names.directory("/", "x"))
  end)

  it("makes a relative one absolute, so that it is no option", function()
    local here = core.fs.realpath "."
    assert.equal(here .. "/-x", names.directory("-x", "x"))
    assert.equal(here .. "/a/b", names.directory("a/b/", "x"))
  end)

  it("refuses control characters", function()
    assert.equal('CACHE: "~/cache" begins with ~, which only a shell expands', why(names.directory, "~/cache", "CACHE"))
    assert.equal('CACHE "/a?b" cannot be used: it holds a control character', why(names.directory, "/a\nb", "CACHE"))
  end)
end)

describe("names.is_fixed", function()
  for ref, fixed in pairs {
    ["a/b@sha256:" .. ("0f"):rep(32)] = true, ["a/b:0123456789ab"] = true, ["h:5000/a/b:0123456789abcdef-arm64"] = true,
    ["a/b:0123456789ab--ci"] = true, ["a/b:latest"] = false, ["a/b"] = false, ["h:5000/a/b"] = false, ["a/b:0123456789a"] = false,
    ["a/b:123"] = false, ["a/b:0123456789abx"] = false, ["a/b:v1.2"] = false, ["h:123456789012/b"] = false,
  } do
    it(("says of %s that it is %s"):format(ref, fixed and "always the same image" or "a name that may move"), function()
      assert.equal(fixed, names.is_fixed(ref))
    end)
  end
end)

-- The papers of the project: what they say of each other, of the tree and of the build is so.
local cjson = require "cjson"
local core = require "molbuild.core"

local function read(path)
  return (assert(core.fs.read(path)))
end

local function exists(path)
  return core.fs.type(path) ~= nil
end

--- The pages that people read, by path.
local function pages()
  local list = {}
  for _, dir in ipairs { ".", "docs" } do
    for _, name in ipairs(assert(core.fs.list(dir))) do
      if name:find "%.md$" then list[#list + 1] = dir == "." and name or dir .. "/" .. name end
    end
  end
  return list
end

--- What TEXT, a page in the directory DIR, links to within the tree.
local function links(text, dir)
  local list = {}
  for target in text:gmatch "%]%(([^)#]+)[^)]*%)" do
    if not target:find "^%a+:" then list[#list + 1] = dir .. target end
  end
  return list
end

--- The paths that TEXT names between backticks: all that begin with a directory of the tree, or with a dot. Words in
--- capitals stand for any name.
local function paths(text)
  local list = {}
  for word in text:gsub("```.-```", ""):gmatch "`([^`\n]+)`" do
    local dir = word:match "^([%w_.]+)/[%w_./-]*$"
    if dir and exists(dir) and not word:find "%u%u" or word:find "^%.[%l-]+[%w.]*$" then list[#list + 1] = word end
  end
  return list
end

--- The targets of make that TEXT names.
local function targets(text)
  local list = {}
  for target in text:gmatch "make ([%l-]+)" do list[#list + 1] = target end
  return list
end

--- Those of LIST for which FN is not true.
local function missing(list, fn)
  local wrong = {}
  for _, item in ipairs(list) do
    if not fn(item) then wrong[#wrong + 1] = item end
  end
  return wrong
end

describe("the pages", function()
  for _, path in ipairs(pages()) do
    it("have no dead link: " .. path, function()
      assert.same({}, missing(links(read(path), path:match "^.*/" or ""), exists))
    end)
  end

  it("in docs/ are all in its index", function()
    local index = read "docs/README.md"
    assert.same({ "README.md" }, missing(assert(core.fs.list "docs"), function(name)
      return index:find("](" .. name .. ")", 1, true) ~= nil
    end))
  end)

  it("begin with a README of less than 120 lines", function()
    local _, lines = read("README.md"):gsub("\n", "")
    assert.is_true(lines < 120, lines)
  end)
end)

describe("CONTRIBUTING.md", function()
  local text = read "CONTRIBUTING.md"

  it("names files that are there", function()
    local all = paths(text)
    assert.is_true(#all >= 25, #all)
    assert.same({}, missing(all, exists))
  end)

  it("names targets of make that are there", function()
    local all, makefile = targets(text), read "Makefile"
    assert.is_true(#all >= 10, #all)
    assert.same({}, missing(all, function(target)
      return ("\n" .. makefile):find("\n" .. target:gsub("%-", "%%-") .. ":") ~= nil
    end))
  end)
end)

describe("the checker of the papers", function()
  it("sees links, but not those to other hosts or within the page", function()
    assert.same({ "docs/a.md", "docs/b.md" }, links("[a](a.md) [b](b.md#c) [d](#d) [e](https://host/e.md)", "docs/"))
  end)

  it("sees paths, but not what is code or an example", function()
    local text = "`core/lib/none.h`, `.luarc.json`, `a/b`, `make x`\n```\n`core/x`\n```\n"
    assert.same({ "core/lib/none.h", ".luarc.json" }, paths(text))
  end)

  it("sees targets, and those that are not there", function()
    assert.same({ "no-such" }, missing(targets "`make no-such` or make unit", function(name) return name == "unit" end))
  end)
end)

--- The fields of the rockspec.
local function rockspec()
  local spec = {}
  assert(loadfile("rockspec/molbuild-scm-1.rockspec", "t", spec))()
  return spec
end

describe("the licence", function()
  it("is MIT's, of the molbuild authors, and the rockspec's", function()
    assert.truthy(read("LICENSE"):find "^MIT License\n\nCopyright %(c%) %d+ the molbuild authors\n")
    assert.equal("MIT", rockspec().description.license)
  end)
end)

describe("the rockspec", function()
  it("is of the version that its name says", function()
    local spec = rockspec()
    assert.equal("molbuild-scm-1", spec.package .. "-" .. spec.version)
  end)

  it("needs the modules that the library requires, and no other", function()
    local needed = { argparse = false, ["lua-cjson"] = false, lua = false }
    for _, dependency in ipairs(rockspec().dependencies) do
      local name = dependency:match "^%S+"
      assert.is_false(needed[name], name)
      needed[name] = true
    end
    assert.same({ argparse = true, ["lua-cjson"] = true, lua = true }, needed)
  end)
end)

describe("the changelog", function()
  it("has a part for what is not released, and then one for the version in VERSION", function()
    local headings = {}
    for heading in read("CHANGELOG.md"):gmatch "\n## ([^\n]+)" do headings[#headings + 1] = heading end
    assert.equal("[Unreleased]", headings[1])
    local version, date = assert(headings[2]):match "^%[(.-)%] %- (%d%d%d%d%-%d%d%-%d%d)$"
    assert.equal(read("VERSION"):match "%S+", version)
    assert.truthy(date)
  end)

  it("sorts changes into the kinds of Keep a Changelog", function()
    local kinds = { Added = true, Changed = true, Deprecated = true, Removed = true, Fixed = true, Security = true }
    for kind in read("CHANGELOG.md"):gmatch "\n### ([^\n]+)" do assert.is_true(kinds[kind], kind) end
  end)
end)

describe("the workflow", function()
  local text = read ".github/workflows/ci.yml"

  it("installs what the tests need, and calls .ci/run", function()
    assert.truthy(text:find("\n      - run: tools/bootstrap.sh --for=test\n", 1, true))
    assert.truthy(text:find("\n      - run: .ci/run\n", 1, true))
    assert.is_true(assert(core.fs.lstat ".ci/run").mode & 64 ~= 0, ".ci/run must be executable")
  end)
end)

describe("the settings of the language server", function()
  it("are JSON, and name what is there", function()
    local settings = cjson.decode(read ".luarc.json")
    assert.equal("Lua 5.4", settings["runtime.version"])
    assert.same({}, missing(settings["workspace.library"], exists))
  end)
end)

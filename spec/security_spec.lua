-- docs/security.md names the tests of each promise; they must exist. The pages must list all variables.
local core = require "molbuild.core"

local function read(path)
  return assert(core.fs.read(path, 1 << 20))
end

local PAGE = read "docs/security.md"

--- The lines of the page. An indented line continues the one before it.
local function lines()
  return (PAGE:gsub("\n    +", " ") .. "\n"):gmatch "([^\n]*)\n"
end

--- The tests that the page names, as { path, title? }. Titles follow the path of their file.
local function named()
  local list = {}
  for line in lines() do
    local path, titles = line:match "^  %- held by `([^`]+)`(.*)$"
    if path then list[#list + 1] = { path = path } end
    for title in (titles or ""):gmatch '"([^"]*)"' do
      list[#list + 1] = { path = path, title = title }
    end
  end
  return list
end

--- The promises of the page, as { text, held }: the number of files that hold each. What is not promised is not among them.
local function promises()
  local list, is_promise = {}, false
  for line in lines() do
    if line:find "^## The " then is_promise = true end
    if line:find "^Not promised:" or line:find "^## Fuzzing" then is_promise = false end
    if is_promise and line:find "^%- " then
      list[#list + 1] = { text = line, held = 0 }
    elseif is_promise and line:find "^  %- held by `%l+/[^`]+`" then
      list[#list].held = list[#list].held + 1
    end
  end
  return list
end

--- Whether a file has a test, or a group of tests, with this title, or with this beginning of a composed title.
local function has(path, title)
  for line in read(path):gmatch "[^\n]+" do
    local found = line:find(title, 1, true)
    local is_test = line:find "^%s*it%(" or line:find "^%s*describe%(" or line:find "^static void [%w_]+%(void %*%*state%)"
    if found and is_test then return true end
  end
  return false
end

describe("docs/security.md", function()
  it("names existing tests", function()
    local missing, titles = {}, 0
    for _, each in ipairs(named()) do
      if not core.fs.lstat(each.path) then
        missing[#missing + 1] = each.path
      elseif each.title then
        titles = titles + 1
        if not has(each.path, each.title) then missing[#missing + 1] = each.path .. ": " .. each.title end
      end
    end
    assert.same({}, missing)
    assert.is_true(titles > 80, titles)
  end)

  it("has a test for every promise", function()
    local list = promises()
    for _, promise in ipairs(list) do assert.is_true(promise.held > 0, promise.text) end
    assert.is_true(#list > 20, #list)
  end)

  it("has no long lines", function()
    for line in PAGE:gmatch "[^\n]+" do assert.is_true(#line <= 160, line) end
  end)

  it("names every target of the fuzzer", function()
    for _, name in ipairs(assert(core.fs.list "core/fuzz")) do
      assert.is_true(not name:find "^fuzz_" or PAGE:find("core/fuzz/" .. name, 1, true) ~= nil, name)
    end
  end)

  it("is what the README leads to", function()
    assert.truthy(read("README.md"):find("](docs/security.md)", 1, true))
  end)
end)

describe("a variable of ours", function()
  it("is in docs/settings.md and in the manual", function()
    local pages, count = { read "docs/settings.md", read "docs/molbuild.1" }, 0
    local sources = {}
    local function take(dir)
      for _, name in ipairs(assert(core.fs.list(dir))) do
        local path = dir .. "/" .. name
        if core.fs.type(path) == "directory" then take(path)
        elseif name:find "%.lua$" then sources[#sources + 1] = read(path) end
      end
    end
    take "lua/molbuild"
    take "scripts"
    for variable in table.concat(sources):gmatch '"(MOL%u+_[%u_]+)"' do
      count = count + 1
      -- The two that carry a token to git, and the one for a process of its own, are molbuild's own.
      local is_own = variable:find "^MOLBUILD_GIT_" or variable == "MOLBUILD_BEHIND"
      for _, page in ipairs(is_own and {} or pages) do
        assert.truthy(page:find(variable .. "%f[^%u_]"), variable)
      end
    end
    assert.is_true(count >= 15, count)
  end)
end)

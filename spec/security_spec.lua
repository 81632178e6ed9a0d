-- docs/security.md names what holds each promise: it must be there. What it and others say of variables must be all of them.
local core = require "molbuild.core"

local function read(path)
  return assert(core.fs.read(path, 1 << 20))
end

local PAGE = read "docs/security.md"

--- What the page names, as { path, title? }: in a row of a table, titles follow the file that they are in.
local function named()
  local list = {}
  for row in PAGE:gmatch "\n(|[^\n]*)" do
    local path
    for quote, text in row:gmatch '([`"])([^`"]*)%1' do
      if quote == '"' then
        list[#list + 1] = { path = assert(path, row), title = text }
      elseif text:find "^spec/" or text:find "^core/" then
        path = text
        list[#list + 1] = { path = path }
      end
    end
  end
  return list
end

--- Whether a file has a test, or a group of tests, of that title; a title that is put together ends where it is.
local function has(path, title)
  for line in read(path):gmatch "[^\n]+" do
    local found = line:find(title, 1, true)
    local is_test = line:find "^%s*it%(" or line:find "^%s*describe%(" or line:find "^static void [%w_]+%(void %*%*state%)"
    if found and is_test then return true end
  end
  return false
end

describe("docs/security.md", function()
  it("names tests that are there", function()
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
    local rows = 0
    for heading, body in PAGE:gmatch "\n| promise | (held by) |\n| %-%-%- | %-%-%- |\n(.-)\n\n" do
      for row in (body .. "\n"):gmatch "([^\n]*)\n" do
        rows = rows + 1
        assert.truthy(row:find "| `%l+/[^`]+`[^|]*|$", heading .. row)
      end
    end
    assert.is_true(rows > 20, rows)
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
  it("stands in docs/settings.md and in the manual", function()
    local pages, count = { read "docs/settings.md", read "docs/molbuild.1" }, 0
    local sources = { read "scripts/ensure.lua", read "scripts/ensure-settings.lua" }
    local function take(dir)
      for _, name in ipairs(assert(core.fs.list(dir))) do
        local path = dir .. "/" .. name
        if core.fs.type(path) == "directory" then take(path)
        elseif name:find "%.lua$" then sources[#sources + 1] = read(path) end
      end
    end
    take "lua/molbuild"
    for variable in table.concat(sources):gmatch '"(MOL%u+_[%u_]+)"' do
      count = count + 1
      -- The two that carry a token to git are molbuild's own.
      for _, page in ipairs(variable:find "^MOLBUILD_GIT_" and {} or pages) do
        assert.truthy(page:find(variable .. "%f[^%u_]"), variable)
      end
    end
    assert.is_true(count >= 15, count)
  end)
end)

-- docs/style.md lists phrases that no file of the project may contain. The list is in that page alone.
local core = require "molbuild.core"

local PAGE = "docs/style.md"
local MAX = 1 << 20 -- bytes of a file

--- Paths that are not searched: the list itself, its test, and texts of others.
local SKIPPED = { [PAGE] = true, ["spec/words_spec.lua"] = true, [".git"] = true, ["LICENSE"] = true }

--- The phrases of a table whose left column has them as code.
local function phrases_of(page)
  local list = {}
  for left in page:match("\n| instead of | write |\n| %-%-%- | %-%-%- |\n(.*)$"):gmatch "|([^|\n]*)|[^|\n]*|\n" do
    for phrase in left:gmatch "`([^`]+)`" do list[#list + 1] = phrase end
  end
  return list
end

--- The phrases by their first word.
local function by_first_word(list)
  local index = {}
  for _, phrase in ipairs(list) do
    local first = phrase:match "^[%w_']+"
    index[first] = index[first] or {}
    table.insert(index[first], phrase)
  end
  return index
end

--- A text as one line in lower case, with one space between words, and where each of its lines begins. What introduces a
--- comment or a list item is left out, so that a phrase is found although a line ends within it.
local function joined(text)
  local parts, starts, length = {}, {}, 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local words = line:lower():gsub("^%s*[-/*#.>|]*%s*", ""):gsub('["]?%s*%.%.%s*["]?', " "):gsub("%s+", " ")
    starts[#starts + 1] = length + 1
    parts[#parts + 1] = words .. " "
    length = length + #words + 1
  end
  return table.concat(parts), starts
end

local function line_at(starts, position)
  local line = 1
  while starts[line + 1] and starts[line + 1] <= position do line = line + 1 end
  return line
end

--- The uses of the phrases in a text, as "path:line: phrase".
local function uses(path, text, phrases)
  local found, line, starts = {}, joined(text)
  for at, word in line:gmatch "()([%w_']+)" do
    for _, phrase in ipairs(phrases[word] or {}) do
      local stop = at + #phrase
      if line:sub(at, stop - 1) == phrase and not line:find("^[%w_]", stop) then
        found[#found + 1] = ("%s:%d: %s"):format(path, line_at(starts, at), phrase)
      end
    end
  end
  return found
end

local function each_file(dir, fn)
  for _, name in ipairs(assert(core.fs.list(dir))) do
    local path = dir == "." and name or dir .. "/" .. name
    local stat = assert(core.fs.lstat(path))
    if SKIPPED[path] or path:find "^build" then
      goto continue
    elseif stat.type == "directory" then
      each_file(path, fn)
    elseif stat.type == "file" then
      fn(path)
    end
    ::continue::
  end
end

local list = phrases_of(assert(core.fs.read(PAGE, MAX)))
local phrases = by_first_word(list)

describe("the words of the project", function()
  it("are those of the glossary in every file", function()
    local found, files = {}, 0
    each_file(".", function(path)
      files = files + 1
      table.move(uses(path, assert(core.fs.read(path, MAX)), phrases), 1, 1000, #found + 1, found)
    end)
    assert.equal("", table.concat(found, "\n"))
    assert.is_true(files > 300, files)
  end)
end)

describe("the check of the words", function()
  it("reads the phrases of the page", function()
    assert.is_true(#list > 100, #list)
    assert.same({ "a b", "c", "d" }, phrases_of "x\n| instead of | write |\n| --- | --- |\n| `a b`, `c` | e |\n| `d` | `f` |\n")
  end)

  for text, phrase in pairs {
    ["The file is written anew."] = "anew", ["-- A policy, and its forks besides."] = "besides",
    ["/* NOBODY reads it. */"] = "nobody", ['error "it is told twice"'] = "told",
    ["--- the lock, once it is\n--- had by a task"] = "is had", [" * given\n * back at the end */"] = "given back",
    ['"the file is to be " ..\n  "put right"'] = "put right", ["terminal_ok = give_back()"] = "give_back",
    ["drawn ten times a second"] = "times a second", ["|a line a runtime|"] = "a line a",
    ['it("counts more than the variable", f)'] = "counts more", ["| x | by the way a build takes |"] = "by the way",
  } do
    it("finds " .. phrase .. " in: " .. text:gsub("\n", " "), function()
      local found = table.concat(uses("x", text, phrases), "\n")
      assert.truthy(("\n" .. found .. "\n"):find(": " .. phrase .. "\n", 1, true), found)
    end)
  end

  for _, text in ipairs {
    "The manual is renewed. A newer one exists; it behaves as before.", "local unfolded, give_backup, nobodys = 1, 2, 3",
    "It reports whether a line is empty.", "a lock, a file and a line",
  } do
    it("accepts: " .. text, function()
      assert.same({}, uses("x", text, phrases))
    end)
  end

  it("names the line", function()
    assert.same({ "x:3: anew" }, uses("x", "-- one\n-- two\n-- three anew\n-- four\n", phrases))
  end)
end)

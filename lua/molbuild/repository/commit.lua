--- The object of a commit: its headers, and the text that its signature is about.
---
--- A commit is read as strictly as it can be written. git skips some lines when it checks a signature, and finds the tree by the
--- first line alone. Here every line in front of the message must have its place, so that no two readers understand the same
--- object in two ways.
local errors = require "molbuild.base.errors"
local fetch = require "molbuild.repository.fetch"
local report = require "molbuild.repository.report"
local sha = require "molbuild.base.sha"

local commit = {
  --- The most bytes of an object.
  MAX = 1024 * 1024,
}

--- The last second that all programs can store.
local LAST_SECOND = 253402300799 -- of the year 9999

-- By the digits of an id: the header with the signature of a repository with such ids.
local SIGNATURE = { [40] = "gpgsig", [64] = "gpgsig-sha256" }

---@class molbuild.Commit
---@field id string
---@field tree string
---@field time integer  when it was committed, as its committer says; seconds since 1970
---@field signature string?  the armored text; nil when it is not signed
---@field other boolean?  whether it has a signature for ids of the other kind, which does not count in this repository
---@field payload string  the text that the signature is about

-- Lines ---------------------------------------------------------------------------------------------------------------

--- The headers of an object, each with the lines that continue it: { name, value, text }; value has no leading blanks of these.
local function headers_of(head)
  local list = {}
  for line in head:gmatch "([^\n]*)\n" do
    local more, last = line:match "^ (.*)$", list[#list]
    local name, value = line:match "^(%S+) (.*)$"
    if more and last then
      last.values[#last.values + 1], last.lines[#last.lines + 1] = more, line
    elseif name then
      list[#list + 1] = { name = name, values = { value }, lines = { line } }
    else
      return nil
    end
  end
  for _, header in ipairs(list) do
    header.value, header.text = table.concat(header.values, "\n"), table.concat(header.lines, "\n") .. "\n"
  end
  return list
end

local function is_id(value, digits)
  return sha.is(value) and #value == digits
end

-- The first headers, which git reads by their place.
local function first_headers(list, digits)
  local at, tree = 2, list[1]
  if not tree or tree.name ~= "tree" or not is_id(tree.value, digits) then return nil end
  while list[at] and list[at].name == "parent" and is_id(list[at].value, digits) do at = at + 1 end
  if not list[at] or list[at].name ~= "author" then return nil end
  local committer = list[at + 1]
  if not committer or committer.name ~= "committer" then return nil end
  local seconds = math.tointeger(committer.value:match "^[^\n]*> (%d+) [+-]%d+$")
  if not seconds or seconds > LAST_SECOND then return nil end
  return tree.value, seconds, at + 2
end

local ONCE = { tree = true, parent = true, author = true, committer = true }

--- Read an object.
---@param raw string
---@param id string
---@return molbuild.Commit?
---@return string? why  it is not one, in words that follow "it"
function commit.parse(raw, id)
  local head, message = raw:match "^(.-\n)(\n.*)$"
  if not head or head:find("\0", 1, true) then return nil, "has no headers that end" end
  local list = headers_of(head)
  if not list then return nil, "has a line that is no header" end
  local tree, time, at = first_headers(list, #id)
  if not tree then return nil, "does not begin with its tree, its parents, its author and its committer" end
  local name, signature, other, signed = SIGNATURE[#id], nil, nil, {}
  for index, header in ipairs(list) do
    if index >= at and ONCE[header.name] then return nil, ("has the header %s twice"):format(header.name) end
    if header.name == name then
      if signature then return nil, "has more than one signature" end
      signature = header.value
    elseif header.name == SIGNATURE[40] or header.name == SIGNATURE[64] then
      if other then return nil, "has more than one signature" end
      other = true
    elseif header.name:lower():find "^gpgsig" then
      return nil, "has a header that is like a signature's"
    else
      signed[#signed + 1] = header.text
    end
  end
  return {
    id = id, tree = tree, time = time, signature = signature, other = other, payload = table.concat(signed) .. message,
  }
end

-- Reading -------------------------------------------------------------------------------------------------------------

local TOO_LARGE = ("has more than %d bytes"):format(commit.MAX)

-- What `git cat-file --batch` prints. A tag's id gives the tag here, not the commit that it names.
local function object_of(output, id)
  local kind, size, at = output:match("^" .. id .. " (%l+) (%d+)\n()")
  size = math.tointeger(size)
  if not kind or kind ~= "commit" then return nil, kind and "is a " .. kind end
  if size > commit.MAX then return nil, TOO_LARGE end
  local raw = output:sub(at, at + size - 1)
  return #raw == size and output:sub(at + size) == "\n" and raw or nil
end

--- The commit of some id in a repository.
---@param options molbuild.TreeOptions  with the repository and the commit
---@return molbuild.Commit?
---@return string? why  as of commit.parse
---@raise failed | timeout | missing_tool | cancelled
function commit.read(options)
  local more = { input = options.commit .. "\n", capture = commit.MAX + 4096, silent = true }
  local ok, result = errors.try(fetch.git, options, { "cat-file", "--batch" }, nil, more)
  if not ok and result.code == "too_large" then return nil, TOO_LARGE end
  report.expect(ok and result or error(result, 0), "git cat-file", options.repository)
  local raw, why = object_of(result.stdout, options.commit)
  if why then return nil, why end
  if not raw then
    errors.raise { kind = "failed", message = ("git cat-file: the repository does not have the commit %s"):format(options.commit) }
  end
  return commit.parse(raw, options.commit)
end

return commit

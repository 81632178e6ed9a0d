--- The possible results of a forge's answer about a branch: a commit that the answer contains, or one error.
--- Gives a function of the answer that raises where something else came of it, and gives a number for what was seen.
local errors = require "molbuild.base.errors"
local gitea = require "molbuild.forge.gitea"
local json = require "molbuild.base.json"

local WHERE = "https://forge.example/api"

local function check_commit(commit, body)
  assert(type(commit) == "string" and commit:find "^[0-9a-f]+$", "no hex digits")
  assert(#commit == 40 or #commit == 64, "of a wrong length")
  -- A digit may be written as an escape.
  assert(body:find(commit, 1, true) or body:find("\\u00", 1, true), "not in the answer")
end

local function check_error(failure)
  assert(errors.is(failure, "remote"), failure)
  assert(errors.exit_code(failure) == 4)
  assert(failure.message:find(WHERE, 1, true) and #failure.message < 200, failure.message)
  local shown = errors.format(failure)
  assert(not shown:find "%c" and not shown:find "[\x80-\xff]", shown)
end

--- A number for how the parser ended and how far it came.
local function seen(body)
  local value, message = json.decode(body)
  if not message then return type(value) == "table" and 1 or 0 end
  local number, place = 0, tonumber(message:match "at character (%d+)" or 0)
  for byte in message:gsub("%d+", ""):gmatch "." do number = (number * 31 + byte:byte()) % 64 end
  return 2 + number * 16 + math.floor(math.log(place + 1, 2))
end

return function(body)
  local ok, result = pcall(gitea.commit_of, body, WHERE)
  if ok then check_commit(result, body) else check_error(result) end
  return seen(body)
end

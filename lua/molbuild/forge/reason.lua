--- Why a forge gave no commit, in its own words where it has some: they name what this side cannot know, such as the scope
--- that a token lacks.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local names = require "molbuild.base.names"
local network = require "molbuild.forge.network"
local origin = require "molbuild.forge.origin"

local reason = {}

--- Bytes of an answer that are read for words: one that is longer is no error of an API.
local WORDS_MAX = 64 * 1024

--- What Gitea and Forgejo say of whatever is not there: it adds nothing to a 404.
local NOTHING_SAID = { ["The target couldn't be found."] = true, ["Not Found"] = true, ["Not found."] = true }

local function decoded(response)
  local answer = #response.body <= WORDS_MAX and require("molbuild.base.json").decode(response.body)
  return type(answer) == "table" and answer or {}
end

--- Whether an answer that is no success has the form of a Gitea-compatible API.
---@param response { body: string }
---@return boolean
function reason.is_api(response)
  local answer = decoded(response)
  return type(answer.message) == "string" and answer.documentation_url == nil
end

--- What a forge says in an answer that is no success: its message and the errors that it lists, printable, on one line,
--- masked, not too long.
---@param response { body: string }
---@return string?  nil when it says nothing
function reason.words(response)
  local answer, parts = decoded(response), {}
  if type(answer.message) == "string" and not NOTHING_SAID[answer.message] then
    parts[1] = answer.message
  end
  for _, each in ipairs(type(answer.errors) == "table" and answer.errors or {}) do
    parts[#parts + 1] = type(each) == "string" and each or nil
  end
  local said = table.concat(parts, "; "):gsub("%s+", " "):match "^ ?(.-) ?$"
  -- Masked first: of a secret that is cut, the rest would be shown.
  return said ~= "" and names.shown(core.mask.text(said)) or nil
end

--- Whether the words of a 404 are about the branch: the repository is there then.
---@param words string?
---@return boolean
function reason.is_branch(words)
  words = (words or ""):lower()
  return words:find("branch", 1, true) ~= nil or words:find("refs/heads/", 1, true) ~= nil
    or words:find("repository is empty", 1, true) ~= nil
end

local function is_page(response)
  return (response.headers["content-type"] or ""):find("^text/html") ~= nil or response.body:find "^%s*<" ~= nil
end

--- The error for a success that is a page for people: where nothing but a login leads, or another kind of server.
---@param response { url: string, headers: table<string, string>, body: string }
---@param api string  what was asked for
---@return molbuild.Error?  nil for an answer that is no page
function reason.page(response, api)
  if not is_page(response) then
    return nil
  end
  local led = response.url ~= api and (", which leads to %s,"):format(names.shown(core.mask.url(response.url))) or ""
  return errors.new {
    kind = "remote",
    code = "no_api",
    message = ("%s%s answers with a web page, not as Gitea's API does (a login page, or another kind of server)"):format(api, led),
  }
end

local function not_found(response, api)
  if not reason.is_api(response) then
    return errors.new { kind = "not_found", code = "no_api", message = "repo not found at " .. api }
  end
  local said = reason.words(response)
  return errors.new { kind = "not_found", message = "repo not found at " .. api, said = said }
end

--- For a redirect that was not followed. The API's own address is part of where a repository moves.
local function led_away(api, target)
  local moved = target:find("/api/v1/", 1, true)
  return errors.new {
    kind = "remote",
    code = "redirect",
    message = ("%s%s leads to %s; change the prefix%s"):format(moved and "the repository moved: " or "", api, target,
      moved and "" or " if the repository is there; a login page does not take the token"),
    hint = "with a token no redirect to another origin (scheme, host, port) is followed: it is for that of the prefix alone",
  }
end

local function unexpected(response, api)
  local said = reason.words(response)
  return errors.new {
    kind = "remote",
    message = ("unexpected status %d at %s%s"):format(response.status, api, said and ": " .. said or ""),
    status = response.status,
    retry_after = response.headers["retry-after"],
  }
end

--- The error for a request that found no answer, or one that is no success. `said` is what the forge says of it, where the
--- message does not have it; the code "no_api" means that it is not of Gitea's kind.
---@param api string  what was asked for
---@param response { status: integer, url: string, redirect: string?, headers: table<string, string>, body: string }?
---@param message string?  as of core.http.request, as is code
---@param code string?
---@return molbuild.Error
function reason.failure(api, response, message, code)
  if not response then
    -- By its name in errno it is a failure of this machine, which no forge can mend.
    local kind = code == "cancelled" and "cancelled" or code and code:find "^E%u" and "failed" or "remote"
    return errors.new { kind = kind, message = message, code = code, hint = network.hint(code) or errors.hint(code) }
  elseif response.status == 404 then
    return not_found(response, api)
  elseif response.status == 401 or response.status == 403 then
    local said = reason.words(response)
    return errors.new { kind = "auth", message = ("auth failure (%d) at %s"):format(response.status, api), said = said }
  end
  local target = origin.redirect_of(response)
  return target and led_away(api, target) or unexpected(response, api)
end

return reason

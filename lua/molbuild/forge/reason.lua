--- Why a forge gave no commit. The forge's own message is included if there is one: it names what only the server knows,
--- such as the scope that a token lacks.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"
local network = require "molbuild.forge.network"
local origin = require "molbuild.forge.origin"

local reason = {}

--- The most bytes of an answer that is searched for a message: a longer one is no error of an API.
local WORDS_MAX = 64 * 1024

--- The texts of Gitea and Forgejo for anything that does not exist: they add nothing to a 404.
local NOTHING_SAID = { ["The target couldn't be found."] = true, ["Not Found"] = true, ["Not found."] = true }

local function decoded(response)
  local answer = #response.body <= WORDS_MAX and require("molbuild.base.json").decode(response.body)
  return type(answer) == "table" and answer or {}
end

--- Whether an unsuccessful answer has the form of a Gitea-compatible API.
---@param response { body: string }
---@return boolean
function reason.is_api(response)
  local answer = decoded(response)
  return type(answer.message) == "string" and answer.documentation_url == nil
end

--- The forge's message in an unsuccessful answer, with the errors that it lists: printable, on one line, masked, bounded
--- in length.
---@param response { body: string }
---@return string?  nil when there is no message
function reason.words(response)
  local answer, parts = decoded(response), {}
  if type(answer.message) == "string" and not NOTHING_SAID[answer.message] then
    parts[1] = answer.message
  end
  for _, each in ipairs(type(answer.errors) == "table" and answer.errors or {}) do
    parts[#parts + 1] = type(each) == "string" and each or nil
  end
  local said = table.concat(parts, "; "):gsub("%s+", " "):match "^ ?(.-) ?$"
  -- Masked before it is cut: the rest of a cut secret would be shown.
  return said ~= "" and text.shown(core.mask.text(said)) or nil
end

--- Whether the message of a 404 is about the branch: then the repository exists.
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

--- The error for a successful answer that is a web page: a login page, or another kind of server.
---@param response { url: string, headers: table<string, string>, body: string }
---@param api string  the requested URL
---@return molbuild.Error?  nil for an answer that is no web page
function reason.page(response, api)
  if not is_page(response) then
    return nil
  end
  local led = response.url ~= api and (", which leads to %s,"):format(text.shown(core.mask.url(response.url))) or ""
  return errors.new {
    kind = "remote",
    code = "no_api",
    message = ("%s%s answered with a web page, not as Gitea's API does (a login page, or another kind of server)"):format(api, led),
  }
end

local function not_found(response, api)
  if not reason.is_api(response) then
    return errors.new { kind = "not_found", code = "no_api", message = "repo not found at " .. api }
  end
  local said = reason.words(response)
  return errors.new { kind = "not_found", message = "repo not found at " .. api, said = said }
end

--- The error for a redirect that was not followed. A moved repository's target contains the API's own address.
local function led_away(api, target)
  local moved = target:find("/api/v1/", 1, true)
  return errors.new {
    kind = "remote",
    code = "redirect",
    message = ("%s%s leads to %s; change the prefix%s"):format(moved and "the repository moved: " or "", api, target,
      moved and "" or " if the repository is there; a login page does not take the token"),
    hint = "a token is sent to the origin (scheme, host, port) of the prefix only, so no redirect to another origin is followed",
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

--- The error for a request that got no answer, or an unsuccessful one. `said` is the forge's message, if the error's
--- message does not contain it. The code "no_api" means that the server has no Gitea API.
---@param api string  the requested URL
---@param response { status: integer, url: string, redirect: string?, headers: table<string, string>, body: string }?
---@param message string?  as of core.http.request, as is code
---@param code string?
---@return molbuild.Error
function reason.failure(api, response, message, code)
  if not response then
    return errors.new {
      kind = errors.kind_of_code(code, "http"), message = message, code = code,
      hint = network.hint(code) or errors.hint(code),
    }
  elseif response.status == 404 then
    return not_found(response, api)
  elseif response.status == 401 or response.status == 403 then
    local said = reason.words(response)
    return errors.new {
      kind = "auth", message = ("auth failure (%d) at %s"):format(response.status, api), said = said,
      retry_after = response.headers["retry-after"], -- of a forge that is asked too often
    }
  end
  local target = origin.redirect_of(response)
  return target and led_away(api, target) or unexpected(response, api)
end

return reason

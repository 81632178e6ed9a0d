--- A forge token: find it, register it with the masker, keep it from all children, and send it only where that is safe.
local core = require "molbuild.core"
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local seal = require "molbuild.base.seal"
local secret = require "molbuild.base.secret"
local origin = require "molbuild.forge.origin"
local text_file = require "molbuild.base.text_file"

local token = {}

--- The most bytes of a token file: a token, a byte order mark before it, and a line end after it.
local FILE_MAX = 3 + 4096 + 2

--- Results of files and credential helpers, by path and by origin: each is read, asked and warned about once.
local found = {}

--- Tokens that came through a pipe, which can be read once: by the variable that names it.
local piped = {}

--- What asks git's helpers, by repository, when the token turns out to be needed.
local waiting = {}

--- Credentials from URLs, by the URL without them and by the variable that held the URL; and the warnings already given.
local in_urls, in_variables, warned = {}, {}, {}

local function refuse(format, ...)
  errors.raise { kind = "usage", message = format:format(...) }
end

local function without_newline(value)
  return (value:gsub("\r?\n$", ""))
end

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function checked(value, where)
  value = without_newline(value)
  if value == "" then
    return nil
  end
  secret.keep(value, where)
  if value:find "%s" then
    refuse("%s cannot be used: a token must not hold white space", where)
  end
  return value
end

--- The warning about a token's file that other users can read.
---@param path string
---@param name string  the setting that names the file
---@return string?  nil when no other user can read it
function token.exposed(path, name)
  return secret.exposed(path, name)
end

local function read_file(path, name)
  local text, message = text_file.read(env.check_path(path, name), FILE_MAX, text_file.PIPE_SECONDS)
  if not text then
    refuse("%s: %s", name, message)
  end
  local value = checked(text, ("%s: the token in %s"):format(name, path))
  if not value then
    refuse("%s: there is no token in %s", name, path)
  end
  local warning = token.exposed(path, name)
  if warning then
    log.warn("%s", warning)
  end
  return value
end

local function from_file(name, variable)
  local path = secret.take(name)
  if path and not found[path] then
    found[path] = read_file(path, name)
    piped[name] = core.fs.type(path) == "fifo" and variable and { variable = variable, value = found[path] } or nil
  end
  return path and found[path], path and { ("%s (%s)"):format(path, name), file = path, setting = name }
end

local function ask_helpers(ask, url, user)
  local answer = ask(url, user)
  if not answer then
    log.warn("git's credential helpers have no password for %s; continuing without a token", origin.of(url))
    return {}
  end
  secret.keep(answer.password, "the password of git's credential helpers")
  return answer
end

local function from_helpers(ask, url, user)
  local where = origin.of(url)
  found[where] = found[where] or ask_helpers(ask, url, user)
  return found[where].password, found[where].username
end

--- The user name that belongs to the token. The masker must know it: git sends base64 of user:token.
local function check_user(user, where)
  if not user then
    return nil
  end
  if user:find "[%c:]" then
    refuse("%s cannot be used: a user name must hold no colon and no control characters", where)
  end
  local ok, message = core.mask.user(user)
  if not ok then
    refuse("%s cannot be used: %s", where, message)
  end
  return user
end

-- A shorter word is no token, and the masker rejects it. A word of 40 or 64 characters is hardly a user name.
local TOKEN_MIN, NAME_MAX = 8, 20

--- The credentials in a URL: a user and a token, or one word that may be either.
local function parse_userinfo(userinfo, where)
  local user, password = userinfo:match "^([^:]*):(.*)$"
  user, password = decoded(user or userinfo), decoded(password or "")
  local of_url = " in the URL of " .. where
  -- Some forges' documentation uses "x-oauth-basic" for "no password".
  if password == "" or password == "x-oauth-basic" then
    if #user > NAME_MAX then
      secret.keep(user, "the user name" .. of_url)
    end
    return { word = user ~= "" and user or nil, where = where, of_url = of_url }
  end
  return {
    token = checked(password, "the password" .. of_url), where = where,
    user = check_user(user ~= "" and user or nil, "the user name" .. of_url),
  }
end

--- Remove the credentials from a repository's URL; token.find() uses them for the returned URL. A variable that holds
--- that URL, or its beginning, is kept from children from then on, and env.get() returns it without the credentials.
---@param url string
---@param where string  the variable's name, or another place the URL came from; named in messages
---@return string url  unchanged when it has no credentials, and when it is not an http or https URL
---@raise usage
function token.strip(url, where)
  local scheme, authority, rest = url:match "^(https?://)([^/?#]*)(.*)$"
  local userinfo, host = (authority or ""):match "^(.*)@(.*)$"
  if userinfo then
    local given, bare = parse_userinfo(userinfo, where), scheme .. host
    local before, variable = scheme .. userinfo .. "@", core.sys.getenv(where)
    if variable and variable:sub(1, #before) == before then
      env.replace(where, scheme .. variable:sub(#before + 1))
      in_variables[where] = { origin = bare, given = given }
    end
    url = bare .. rest
    in_urls[url] = given
  elseif in_variables[where] and in_variables[where].origin == (scheme or "") .. (authority or "") then
    in_urls[url] = in_variables[where].given
  end
  return url
end

local function warn_once(format, ...)
  local message = format:format(...)
  if not warned[message] then
    warned[message] = true
    log.warn(message)
  end
end

--- Warn about credentials in a URL and name the better way; FROM names the variables.
local function warn_of_url(where, from)
  local better = table.concat({ from.env, from.user }, " and ")
  warn_once("%s holds credentials, which other programs may see or log: set %s%s instead", where, better,
    from.file and ", or " .. from.file .. "," or "")
end

--- The one word before a URL's host: the user name if a token comes from elsewhere; else the token, as forges define
--- it.
local function read_word(given, value, user, source, from)
  if value then
    return value, user or check_user(given.word, "the user name" .. given.of_url), source
  elseif #given.word < TOKEN_MIN then
    warn_once("the user name%s is not used: there is no token for it (%s)", given.of_url, from.env or from.file)
    return nil
  end
  warn_of_url(given.where, from)
  return checked(given.word, "the user name" .. given.of_url), user, { "the URL of " .. given.where }
end

-- What the variables give: the text of a token, a user name, and the source. All of them are kept from children from then on.
local function from_variables(url, from)
  local value = secret.take(from.env)
  value = value and checked(value, from.env)
  local user = secret.take(from.user)
  user = check_user(user and without_newline(user), from.user)
  local file = secret.take(from.file)
  if not url:find "^https?://" or from.meant_for and not origin.same(from.meant_for, url) then
    return nil
  end
  if value then return value, user, { from.env } end
  if not file then return nil, user end
  local text, source = from_file(from.file, from.env)
  return text, user, source
end

-- What a policy names for this repository alone: a variable, or a file.
local function from_own(own)
  local value = secret.take(own.env)
  value = value and checked(value, own.env)
  if value or not own.file then return value, { own.env } end
  found[own.file] = found[own.file] or read_file(own.file, "token_file")
  return found[own.file], { ("%s (token_file)"):format(own.file), file = own.file, setting = "token_file" }
end

-- What git's helpers give. A user in the URL may have another password than the first one that the helpers offer.
local function from_git(ask, url, user, given)
  local value, helper_user = from_helpers(ask, url, given.word and check_user(given.word, "the user name" .. given.of_url))
  return value, user or check_user(helper_user, "the user name of git's credential helpers")
end

local SOURCES = {
  env = true, file = true, user = true, meant_for = true, own = true, credential = true, lazy = true,
}

--- The token for a repository, bound to its origin: from a variable, else from a file that a variable names, else from the URL
--- that token.strip() was given, else from git's own credential helpers. The variables named are kept from children from then on.
--- Only http and https take a token.
---@param url string  the repository
---@param from { env: string?, file: string?, user: string?, meant_for: string?, own: { env: string?, file: string? }?,
---  credential: (fun(url: string, user: string?): { username: string?, password: string }?)?, lazy: boolean? }  names of
---  variables; meant_for:
---  the URL whose origin the variables' token is for, `url` when absent: at another origin it is not used; own: a variable and a
---  file that hold the token of this repository, and come first; credential: git.credential, which runs git's helpers; without it
---  they are not run; lazy: they are run by token.later() alone
---@return molbuild.Credential? token
---@raise usage | auth
function token.find(url, from)
  seal.options("molbuild.token.find", from, SOURCES)
  local value, user, source = from_variables(url, from)
  if not url:find "^https?://" then return nil end
  local own, own_source = from_own(from.own or {})
  if own then value, source = own, own_source end
  local given = in_urls[url] or {}
  if given.token then
    warn_of_url(given.where, from)
    if not value then value, user, source = given.token, user or given.user, { "the URL of " .. given.where } end
  end
  if not value and from.credential and from.lazy then
    waiting[url] = function() return token.find(url, setmetatable({ lazy = false }, { __index = from })) end
    return nil
  elseif not value and from.credential then
    value, user = from_git(from.credential, url, user, given)
    source = { "git's credential helpers" }
  end
  if given.word then
    value, user, source = read_word(given, value, user, source, from)
  end
  local result = value and require("molbuild.forge.credential").new(value, url, user, source)
  if result then result:secret_for(url) end -- refuses one that would go in clear text
  return result
end

--- The token from git's credential helpers for a repository, for which token.find() was called with `lazy`: a run that may need no
--- network does not run them before it does.
---@param url string
---@return molbuild.Credential? token
---@raise usage | auth
function token.later(url)
  local ask = waiting[url]
  return ask and ask()
end

--- Forget what files held: a run that lasts reads them again, since they may have been replaced. A pipe can be read once.
---@param with_helpers boolean?  also what git's credential helpers gave, as after a refusal
function token.forget(with_helpers)
  for where in pairs(found) do
    local is_helper = type(found[where]) == "table"
    if is_helper and with_helpers or not is_helper and core.fs.type(where) ~= "fifo" then found[where] = nil end
  end
end

--- What another process of this program needs in addition to the environment that this one was given, to find the same tokens: a
--- token that came through a pipe is in a variable.
---@return table<string, string> variables
---@return string[] unset
function token.again()
  local variables, unset = {}, {}
  for name, one in pairs(piped) do
    variables[one.variable], unset[#unset + 1] = one.value, name
  end
  return variables, unset
end

--- A token of the caller's own, for the origin of a URL. The masker knows it from now on.
---@param text string
---@param url string
---@param user string?
---@return molbuild.Credential
---@raise usage  the masker cannot take it
function token.new(text, url, user)
  local value = checked(text, "the token for " .. origin.of(url)) or refuse("the token for %s is empty", origin.of(url))
  return require("molbuild.forge.credential").new(value, url, check_user(user, "the user name for " .. origin.of(url)))
end

return token

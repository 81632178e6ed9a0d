--- git and credentials: a command receives a token only through its environment, and only for its own repository.
---
--- Git 2.31 and newer reads settings from the environment (GIT_CONFIG_COUNT), which set the header for this URL. An older
--- git ignores them, is refused by the server, and then asks the credential helper. The helper is part of its arguments,
--- without the token, and answers for this origin only.
local base64 = require "molbuild.base.base64"
local core = require "molbuild.core"
local credential = require "molbuild.forge.credential"
local errors = require "molbuild.base.errors"
local names = require "molbuild.base.names"
local origin = require "molbuild.forge.origin"

local auth = {}

local USER = "oauth2"

-- printf is a builtin of the shell: the token is in no process's arguments.
local HELPER = [[!f() { test "$1" = get || return 0; ]]
  .. [[printf 'username=%s\npassword=%s\n' "$MOLBUILD_GIT_USER" "$MOLBUILD_GIT_TOKEN"; }; f]]

local function authorization(secret, user)
  return "Basic " .. base64.encode((user or USER) .. ":" .. secret)
end

--- Whether a command that talks to URL receives the token. ssh, git and file have no use for one, and another origin gets none.
---@param url string?
---@param options { token: molbuild.Credential? }
---@return boolean
function auth.takes_token(url, options)
  return credential.secret_for(options.token, url) ~= nil
end

local takes_token = auth.takes_token

--- Settings ("name=value") for a command that talks to URL, or to no remote. The user's credential helpers are disabled,
--- except with options.helpers.
---@param url string?
---@param options { token: molbuild.Credential?, helpers: boolean? }
---@return string[]
function auth.settings(url, options)
  if options.helpers then
    return { "credential.interactive=false" }
  elseif not takes_token(url, options) then
    return { "credential.helper=", "http.followRedirects=initial" }
  end
  local where = origin.of(url)
  local list = { "credential.helper=", ("credential.%s.helper=%s"):format(where, HELPER) }
  -- Also for a git that reads no settings from the environment. For the whole URL, so that no setting for a part of it overrides.
  for _, subject in ipairs { "http", "http." .. where, "http." .. url } do
    list[#list + 1] = subject .. ".followRedirects=false"
    list[#list + 1] = subject .. ".sslVerify=true"
  end
  return list
end

--- The variables to leave out: those of the list, and with a token the one that disables the check of certificates.
---@param list string[]
---@param url string?
---@param options { token: molbuild.Credential? }
---@return string[]
function auth.unset(list, url, options)
  if not takes_token(url, options) then
    return list
  end
  return table.move(list, 1, #list, 2, { "GIT_SSL_NO_VERIFY" })
end

--- Add to ENV what a command that talks to URL needs for the token.
---@param env table<string, string>
---@param url string?
---@param options { token: molbuild.Credential?, helpers: boolean? }
---@param headers string[]?  the user's own headers for this URL, which are sent, too
function auth.add(env, url, options, headers)
  if options.helpers then
    -- Git Credential Manager would open a window.
    env.GCM_INTERACTIVE = "never"
    return
  end
  local secret, user = credential.secret_for(options.token, url)
  if secret then
    env.MOLBUILD_GIT_USER, env.MOLBUILD_GIT_TOKEN = user or USER, secret
    -- For the whole URL: a user's setting for a part of it does not override it.
    local settings = {
      { "extraHeader", "" }, -- empties the list: git would send the user's headers for this server, too
      { "extraHeader", "Authorization: " .. authorization(secret, user) },
      { "followRedirects", "false" },
      { "sslVerify", "true" },
    }
    for _, header in ipairs(headers or {}) do
      settings[#settings + 1] = { "extraHeader", header }
    end
    for index, setting in ipairs(settings) do
      env["GIT_CONFIG_KEY_" .. index - 1] = ("http.%s.%s"):format(url, setting[1])
      env["GIT_CONFIG_VALUE_" .. index - 1] = setting[2]
    end
    env.GIT_CONFIG_COUNT = tostring(#settings)
    if origin.is_direct(url) then
      env.NO_PROXY, env.no_proxy = "*", "*"
    end
  end
end

--- The input of `git credential fill` for a URL.
---@param url string
---@param user string?  the user whose password is wanted
---@return string
function auth.question(url, user)
  local parts = errors.must(core.url.parse(url))
  return ("protocol=%s\nhost=%s%s\npath=%s\n%s\n"):format(parts.scheme, parts.host, parts.port and ":" .. parts.port or "",
    parts.path:gsub("^/", ""), user and "username=" .. user .. "\n" or "")
end

--- The credentials in its answer; nil without a password.
---@param text string
---@return { username: string?, password: string }?
function auth.answer(text)
  local fields = {}
  for name, value in text:gmatch "([^\n=]+)=([^\n]*)" do
    fields[name] = value
  end
  if (fields.password or "") == "" then
    return nil
  end
  return { username = fields.username ~= "" and fields.username or nil, password = fields.password }
end

--- Whether git failed because the server redirected it.
---@param output string  of the git command that failed
---@return boolean
function auth.is_redirected(output)
  return output:find("unable to update url base from redirection", 1, true) ~= nil
    or output:find "returned error: 30[12378]" ~= nil
end

local DISCOVERY = "/info/refs?service=git-upload-pack"

--- The URL that git was redirected to, if it is within the same origin. With a token git follows no redirect itself: it
--- would send the token to any target.
---@param url string
---@param output string  of the git command that failed
---@param options { token: molbuild.Credential? }
---@return string? url  of the repository; nil without a redirect, or when it leads to another origin or to no repository
function auth.location(url, output, options)
  local secret, user = credential.secret_for(options.token, url)
  if not secret or not auth.is_redirected(output) then
    return nil
  end
  local response = core.http.request {
    url = url .. DISCOVERY,
    headers = { Authorization = authorization(secret, user) },
    follow = false,
    timeout = 10,
    proxy = origin.is_direct(url) and "" or nil,
  }
  -- An "=" would end the name of a setting that contains the URL.
  local target = response and response.redirect and response.redirect:match "^([^?#@=]+)/info/refs[^/]*$"
  return target and origin.same(target, url) and pcall(names.repository, target) and target or nil
end

--- Where a repository moved to, as the server answers a request without a token: git does not report the target of a
--- redirect.
---@param url string
---@param output string  of the git command that failed
---@return string? message  nil when git was not redirected
function auth.moved(url, output)
  if not auth.is_redirected(output) then
    return nil
  end
  local asked = url .. DISCOVERY
  local response = core.http.request { url = asked, follow = false, timeout = 10, max_body = 1024 * 1024 }
  local target = response and origin.redirect_of(response)
  return "the repository moved" .. (target and " to " .. target:gsub("/info/refs[^/]*$", "") or "")
end

return auth

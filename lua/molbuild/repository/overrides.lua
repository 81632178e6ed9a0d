--- The effect of the user's git configuration: the settings that molbuild overrides, and those that only git uses.
local command = require "molbuild.repository.command"
local core = require "molbuild.core"
local env = require "molbuild.base.env"
local headers = require "molbuild.repository.headers"

local overrides = {}

--- The arguments of the git command that prints the configuration. `--show-origin` marks molbuild's own settings.
overrides.QUESTION = { "config", "-z", "--show-origin", "--list" }

local OWN = "command line:"

---@class molbuild.GitSetting
---@field key string  as git prints it: only a subsection keeps its case
---@field value string

--- The user's settings in the output of that command, in git's order.
---@param text string
---@return molbuild.GitSetting[]
function overrides.parse(text)
  local list = {}
  for origin, entry in text:gmatch "(%Z*)%z(%Z*)%z" do
    local key, value = entry:match "^([^\n]*)\n?(.*)$"
    if origin ~= OWN and key then list[#list + 1] = { key = key, value = value } end
  end
  return list
end

-- The settings of every command, by git's name for them.
local function forced()
  local by_key = {}
  for _, setting in ipairs(command.SETTINGS) do
    local key, value = setting:match "^([^=]*)=(.*)$"
    by_key[key:lower()] = value
  end
  return by_key
end

local function is_token_setting(key, value)
  return key:find "^http%..*sslverify$" or key:find "^http%..*followredirects$"
    or key:find "^http%..*extraheader$" and value:lower():find "^authorization%s*:"
end

-- Whether a setting has no effect on what molbuild runs.
local function is_overridden(setting, by_key, with)
  local key = setting.key
  return by_key[key] ~= nil and by_key[key] ~= setting.value
    or not with.helpers and (key == "credential.helper" or key:find "^credential%..*%.helper$" ~= nil)
    or key:find "^trace2%." ~= nil or key:find "^filter%..*%.smudge$" ~= nil or key:find "^filter%..*%.process$" ~= nil
    or with.token and is_token_setting(key, setting.value) and true or false
end

local function note(list, word)
  if not list[word] then
    list[word] = true
    list[#list + 1] = word
  end
end

-- Variables of the environment that git does not get. Of a prefix, the variable of that name.
local function note_variables(list, with)
  for _, name in ipairs(command.UNSET) do
    local bare = name:gsub("_?%*$", "")
    if env.get(bare) then note(list, bare) end
  end
  if with.token and env.get "GIT_SSL_NO_VERIFY" then note(list, "GIT_SSL_NO_VERIFY") end
end

--- The names of the settings and variables that have no effect on molbuild's git, each once. Values are not included: they may hold
--- secrets.
---@param settings molbuild.GitSetting[]
---@param with { token: boolean, helpers: boolean }  whether a token is used, and git's credential helpers are
---@return string[]
function overrides.names(settings, with)
  local list, by_key = {}, forced()
  for _, setting in ipairs(settings) do
    if is_overridden(setting, by_key, with) then note(list, core.mask.text(setting.key)) end
  end
  note_variables(list, with)
  return table.move(list, 1, #list, 1, {})
end

--- The address that git uses for a URL by the user's url.<base>.insteadOf; nil when it is the URL itself.
---@param settings molbuild.GitSetting[]
---@param url string
---@return string?
function overrides.instead_of(settings, url)
  local longest, found = 0, nil
  for _, setting in ipairs(settings) do
    local base = setting.key:match "^url%.(.*)%.insteadof$"
    local prefix = setting.value
    if base and #prefix > longest and url:sub(1, #prefix) == prefix then
      longest, found = #prefix, base .. url:sub(#prefix + 1)
    end
  end
  return found ~= url and found or nil
end

local NO = { ["false"] = true, no = true, off = true, ["0"] = true }

-- Whether a setting http.NAME, or http.<url>.NAME, applies to a URL.
local function applies(key, name, url)
  local pattern = key:match("^http%.(.*)%." .. name .. "$")
  return key == "http." .. name or pattern ~= nil and headers.covers(pattern, url)
end

--- What makes git accept any certificate of a URL's server; nil when nothing does.
---@param settings molbuild.GitSetting[]
---@param url string
---@return string?
function overrides.unverified(settings, url)
  if env.get "GIT_SSL_NO_VERIFY" then return "GIT_SSL_NO_VERIFY" end
  local found
  for _, setting in ipairs(settings) do
    if applies(setting.key, "sslverify", url) then found = NO[setting.value:lower()] and core.mask.text(setting.key) or nil end
  end
  return found
end

--- The settings and variables for the network that git uses for a URL, and the lookup of the commit through the forge's API does
--- not.
---@param settings molbuild.GitSetting[]
---@param url string
---@return string[]  their names
function overrides.only_git(settings, url)
  local list = {}
  for _, name in ipairs { "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT" } do
    if env.get(name) then note(list, name) end
  end
  for _, setting in ipairs(settings) do
    for _, name in ipairs { "proxy", "sslcainfo", "sslcapath", "sslcert" } do
      if applies(setting.key, name, url) and setting.value ~= "" then note(list, core.mask.text(setting.key)) end
    end
  end
  return table.move(list, 1, #list, 1, {})
end

return overrides

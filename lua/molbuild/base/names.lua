--- Names from outside, checked before they become part of a path, a tag, a URL or an argument.
local core = require "molbuild.core"
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local names = {}

local function refuse(what, name, why)
  errors.raise { kind = "usage", message = ('%s "%s" cannot be used: %s'):format(what, text.shown(name), why) }
end

--- Whether a word is a part of an image's name: lower case letters and digits, separated by ".", "_", "__" or dashes.
local function is_component(word)
  if word:find "[^%l%d._-]" or not word:find "^[%l%d]" or not word:find "[%l%d]$" then
    return false
  end
  for separator in word:gmatch "[._-]+" do
    if separator ~= "." and separator ~= "_" and separator ~= "__" and not separator:find "^%-+$" then
      return false
    end
  end
  return true
end

--- Whether a word is a registry's address: a host, with or without a port.
local function is_registry(word)
  local host = word:match "^(.*):%d+$" or word
  if host:find "^%[[%x:]+%]$" then
    return true
  end
  for label in (host .. "."):gmatch "(.-)%." do
    if not label:find "^%w[%w-]*$" or label:find "%-$" then
      return false
    end
  end
  return host == "localhost" or host:find("[.%u]") ~= nil or host ~= word
end

local COMPONENT_MAX = 100

--- Check a name that becomes part of a path, a URL and an image's name.
---@param name any
---@param where string  named in the message
---@return string
---@raise usage
function names.component(name, where)
  if type(name) ~= "string" or not is_component(name) then
    refuse(where, name, 'use a-z and 0-9, with ".", "_" or "-" between them')
  elseif #name > COMPONENT_MAX then
    refuse(where, name, ("it is longer than %d bytes"):format(COMPONENT_MAX))
  end
  return name
end

-- An engine accepts names of 255 bytes; the rest is for what follows the prefix.
local PREFIX_MAX = 127

--- What precedes an image's own name: parts separated by slashes, the first of which may be a registry's address.
--- Trailing slashes are removed.
---@param prefix any
---@param where string  named in the message
---@return string
---@raise usage
function names.image_prefix(prefix, where)
  local bare = type(prefix) == "string" and prefix:gsub("/+$", "") or ""
  if bare:find "^%a+://" then
    refuse(where, prefix, "write the registry without a scheme, such as registry.example/team")
  end
  local first, rest = bare:match "^([^/]*)/?(.*)$"
  local good = is_component(first) or is_registry(first)
  for part in rest:gmatch "[^/]*" do
    good = good and (rest == "" or is_component(part))
  end
  if not good then
    refuse(where, prefix, "no image can have such a name; write it as registry.example/team")
  elseif #bare > PREFIX_MAX then
    refuse(where, prefix, ("it is longer than %d bytes"):format(PREFIX_MAX))
  end
  return bare
end

--- Whether an image's name always means the same image: by a digest, or by a tag that begins with a commit id.
---@param ref string
---@return boolean
function names.is_fixed(ref)
  local digits, rest = ref:match ":(%x+)([^/:@]*)$"
  return ref:find("@sha256:", 1, true) ~= nil or digits ~= nil and #digits >= 12 and (rest == "" or rest:find "^%-" ~= nil)
end

local ENDING_MAX = 48

--- Check the last part of a tag, which separates the images of one caller from those of another. Surrounding white space
--- is removed; an empty ending becomes nil.
---@param ending any
---@param where string  named in the message
---@return string?
---@raise usage
function names.tag_ending(ending, where)
  local bare = type(ending) == "string" and ending:match "^%s*(.-)%s*$" or ""
  if bare == "" then
    return nil
  elseif not bare:find "^[a-z0-9][a-z0-9_.-]*$" then
    refuse(where, ending, 'use a-z, 0-9, "_", "." and "-", and begin with a letter or a digit')
  elseif #bare > ENDING_MAX then
    refuse(where, ending, ("it is longer than %d bytes"):format(ENDING_MAX))
  end
  return bare
end

--- A platform: os/architecture, with a variant behind it or not.
---@param platform string
---@param where string  named in the message
---@return string
---@raise usage
function names.platform(platform, where)
  if not platform:find "^%l+/[%l%d]+$" and not platform:find "^%l+/[%l%d]+/v%d+$" then
    errors.raise { kind = "usage", message = ('%s: "%s" is not a platform, such as linux/arm64'):format(where, platform) }
  end
  return platform
end

local FORBIDDEN_IN_BRANCH = {
  { "^%-", "it begins with a dash" },
  { "[%c\x7F ]", "it holds a space or a control character" },
  { "[~^:?*%[\\]", "it holds one of ~ ^ : ? * [ \\" },
  { "%.%.", 'it holds ".."' },
  { "@{", 'it holds "@{"' },
  { "^HEAD$", "it is HEAD" },
  { "%.$", "it ends in a dot" },
  { "^/", "it begins with a slash" },
  { "/$", "it ends in a slash" },
  { "//", "it holds two slashes in a row" },
  { "^%.", "a part of it begins with a dot" },
  { "/%.", "a part of it begins with a dot" },
  { "%.lock$", "a part of it ends in .lock" },
  { "%.lock/", "a part of it ends in .lock" },
}

local BRANCH_MAX = 244 -- with refs/heads/ it is a file's name of at most 255 bytes

local good_branch -- the last one: most runtimes have the same

--- Check a branch's name, by the rules of git-check-ref-format.
---@param name any
---@return string
---@raise usage
function names.branch(name)
  if type(name) ~= "string" or name == "" then
    refuse("the branch", name or "", "it is empty")
  elseif name == good_branch then
    return name
  end
  for _, rule in ipairs(FORBIDDEN_IN_BRANCH) do
    if name:find(rule[1]) then
      refuse("the branch", name, rule[2])
    end
  end
  if #name > BRANCH_MAX then
    refuse("the branch", name, ("it is longer than %d bytes"):format(BRANCH_MAX))
  end
  good_branch = name
  return name
end

--- Make a directory's path absolute: it is passed to other programs as an argument and must mean the same place there.
---@param path string
---@param where string  named in the message
---@return string
---@raise usage
function names.directory(path, where)
  env.check_path(path, where)
  if path:find "%c" then
    refuse(where, path, "it holds a control character")
  end
  if path:sub(1, 1) ~= "/" then
    local here, message = core.fs.realpath "."
    if not here then
      refuse(where, path, "it is relative, and the current directory is not available: " .. message)
    end
    path = here:gsub("/$", "") .. "/" .. path
  end
  local bare = path:gsub("/+$", "")
  return bare == "" and "/" or bare
end

local SCHEMES = { http = true, https = true, ssh = true, git = true, file = true }

--- The scheme of a URL that git may be given. Other schemes run programs ("ext::"), or are no URLs.
---@param url string
---@return string
---@raise usage
function names.scheme(url)
  local scheme = url:match "^(%l+)://"
  if not scheme or not SCHEMES[scheme] then
    errors.raise {
      kind = "usage",
      message = ('"%s" is not a URL of the scheme https, http, ssh, git or file'):format(core.mask.url(url)),
      hint = url:find "^/" and "write a directory as file:///srv/git/..."
        or url:find "^[%w@._-]+:/?[^:/]" and "write a host that ssh reaches as ssh://git@host/org/..." or nil,
    }
  end
  return scheme
end

local function unusable(url, why)
  errors.raise { kind = "usage", message = ('the repository "%s" cannot be used: %s'):format(core.mask.url(url), why) }
end

local function check_repository(url)
  local scheme = names.scheme(url)
  local parts, message = core.url.parse(url)
  if not parts then
    errors.raise { kind = "usage", message = message }
  elseif parts.password or (parts.user and scheme ~= "ssh") then
    core.mask.userinfo(url)
    unusable(url, "a URL must not hold credentials: give the token separately")
  elseif parts.query or parts.fragment or url:find "\\" then
    unusable(url, "it holds a query, a fragment or a backslash")
  elseif (parts.path .. "/"):find "/%.%.?/" or parts.path:lower():find "%%[01]" or parts.path:lower():find "%%2[ef]"
    or parts.path:find "%%7[fF]" then
    unusable(url, "its path holds dots or escapes")
  elseif parts.path:gsub("%%%x%x", ""):find("%", 1, true) then
    unusable(url, "it has a percent sign that begins no escape")
  elseif parts.user and parts.user:find "^%-" then
    unusable(url, "its user begins with a dash")
  elseif scheme ~= "file" and (not parts.host or parts.host:find "^%-") then
    unusable(url, "it names no host")
  elseif not parts.path:find "^/[^/]+" or (scheme:find "^http" and not parts.path:find "^/[^/]+/[^/]+") then
    unusable(url, "it names no repository of an organisation")
  end
  return scheme
end

--- Check the URL of a repository, which git and a forge's API receive.
---@param url string
---@param where string?  named in the message
---@return string scheme
---@raise usage
function names.repository(url, where)
  local ok, result = xpcall(check_repository, errors.handler, url)
  return ok and result or error(errors.wrap(result, where), 0)
end

return names

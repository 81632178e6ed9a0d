--- A token that is bound to one origin (scheme, host and port). The steps of a policy pass it on without seeing it; every use asks
--- for the secret with the URL that it goes to, and gets it for that origin only.
local core = require "molbuild.core"
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local origin = require "molbuild.forge.origin"

local credential = {}

-- What a token consists of, apart from the object, so that no log and no loop over its fields shows it.
local contents = setmetatable({}, { __mode = "k" })

---@class molbuild.Credential
local Credential = {}
Credential.__index, Credential.__name = Credential, "molbuild.token"

function Credential:__tostring()
  return "a token for " .. contents[self].origin
end

--- Bind a secret, which the masker must know already, to the origin of a URL.
---@param secret string
---@param url string
---@param user string?  the user name that goes with it
---@param source { [1]: string, file: string?, setting: string? }?  as of source()
---@return molbuild.Credential
function credential.new(secret, url, user, source)
  local self = setmetatable({}, Credential)
  contents[self] = { secret = secret, url = url, origin = origin.of(url), user = user, source = source or { "the policy" } }
  return self
end

--- Refuse to send a token in clear text over a network: plain http may carry it to loopback only.
---@param url string
---@raise auth
local function check_clear_text(url)
  local parts = core.url.parse(url)
  if parts and parts.scheme == "http" and not origin.is_loopback(url)
    and not env.switch "MOLBUILD_ALLOW_PLAIN_HTTP_TOKEN" then
    errors.raise {
      kind = "auth",
      message = ("the token is not sent to %s in clear text"):format(core.mask.url(url)),
      hint = "use https, or set MOLBUILD_ALLOW_PLAIN_HTTP_TOKEN=1 if you trust that network",
    }
  end
end

--- The secret, for a request to a URL. Nil, with a warning, when the URL has another origin.
---@param url string
---@return string? secret
---@return string? user
---@raise auth  the URL has that origin, but would carry the secret in clear text
function Credential:secret_for(url)
  local own = contents[self]
  if not url:find "^https?://" then
    return nil
  elseif not origin.same(own.url, url) then
    log.warn_once("the token for %s is not sent to %s: a repository elsewhere is named by per_runtime.NAME.repo_url, "
      .. "with a token_env or token_file of its own", own.origin, origin.of(url))
    return nil
  end
  check_clear_text(url)
  return own.secret, own.user
end

--- The user name that goes with the token; nil: the usual one.
---@return string?
function Credential:user()
  return contents[self].user
end

local function check_bound(token)
  if getmetatable(token) ~= Credential then
    errors.raise {
      kind = "bug",
      message = ("the option 'token' must be a token, not a %s: molbuild.token.new(text, url) makes one"):format(type(token)),
    }
  end
end

--- The digits of a token's fingerprint. 16 bits show a changed token, and are too few to try guesses on: 1 of 65536 wrong
--- ones fits, too. They are the same each time: other bits, such as with a salt, would add up to more.
local FINGERPRINT_DIGITS = 4

--- A short digest of a token, for files: it is not the secret, and does not lead to it.
---@param token molbuild.Credential?
---@return string  "none" without a token
---@raise bug  as of secret_for
function credential.fingerprint(token)
  if token == nil then
    return "none"
  end
  check_bound(token)
  return errors.must(core.sha256.hex("molbuild token " .. contents[token].secret)):sub(1, FINGERPRINT_DIGITS)
end

--- Where it was found.
---@return { [1]: string, file: string?, setting: string? }  in words, such as "MOLECULE_GITEA_TOKEN"; the file that holds it, and
---  what names that file
function Credential:source()
  return contents[self].source
end

--- The secret and the user name of an option `token`, for a request to a URL.
---@param token molbuild.Credential?
---@param url string?
---@return string? secret  nil without a token, and for a URL that it is not for
---@return string? user
---@raise auth | bug  bug when the token is a plain text, which is bound to no origin
function credential.secret_for(token, url)
  if token == nil or not url then
    return nil
  end
  check_bound(token)
  return token:secret_for(url)
end

return credential

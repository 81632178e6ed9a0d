--- Answers of a forge that are known already, for conditional requests: a server that gives its answers an ETag need not send one
--- again that has not changed. Gitea and Gogs give none for a branch (docs/operations.md); a cache before them may.
local credential = require "molbuild.forge.credential"

local versions = {}

---@class molbuild.Versions
---@field private by_address table<string, { etag: string, commit: string, token: string, uses: integer }>
local Versions = {}
Versions.__index = Versions

-- The tag of an answer (RFC 9110, 8.8.3), weak or strong. Others are ignored.
local STRONG, WEAK = '^"[^"%c\127]*"$', '^W/"[^"%c\127]*"$'
local ETAG_MAX = 1024

-- The most answers "not modified" in a row that are believed: a broken cache could give them without end.
local USES_MAX = 12

--- Nothing is known yet. The scope's field `versions` has it, for as long as the forge is asked.
---@return molbuild.Versions
function versions.new()
  return setmetatable({ by_address = {} }, Versions)
end

--- What is known of an address, for a conditional request that is made now.
---@param api string
---@param token molbuild.Credential?
---@return { etag: string, commit: string }?
function Versions:of(api, token)
  local known = self.by_address[api]
  if not known or known.token ~= credential.fingerprint(token) or known.uses >= USES_MAX then return nil end
  known.uses = known.uses + 1
  return known
end

--- An answer came: keep it if it has a usable ETag.
---@param api string
---@param token molbuild.Credential?
---@param etag string?
---@param commit string
function Versions:keep(api, token, etag, commit)
  local is_usable = etag and #etag <= ETAG_MAX and (etag:find(STRONG) or etag:find(WEAK))
  self.by_address[api] = is_usable and { etag = etag, commit = commit, token = credential.fingerprint(token), uses = 0 } or nil
end

return versions

--- The files that say who may sign commits, and whose keys are revoked: read, checked, and split into what each program takes.
local base64 = require "molbuild.base.base64"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local signer_files = {
  --- The most bytes of a file.
  MAX = 4 * 1024 * 1024,
}

---@class molbuild.SignerFile
---@field path string
---@field where string  for messages
---@field bytes string
---@field sha256 string

---@class molbuild.AllowedSigners
---@field lines string[]  those of OpenSSH's format, without comments
---@field keyring string  the OpenPGP keys, in the form that gpgv reads; "" when there are none

---@class molbuild.RevokedSigners
---@field keys table<string, true>  fingerprints: of SSH keys, and of OpenPGP keys
---@field list string?  a key revocation list of OpenSSH

local function refuse(where, format, ...)
  errors.raise { kind = "usage", message = where .. ": " .. format:format(...) }
end

-- Reading -------------------------------------------------------------------------------------------------------------

local GROUP_OR_OTHERS_WRITE, OTHERS_WRITE, STICKY = 18, 2, 512 -- octal 022, 002, 01000

-- A file that another user can change says what that user likes.
local function check_owner(where, path)
  local stat = errors.must(core.fs.lstat(path))
  if stat.type ~= "file" then refuse(where, "it is not a regular file, but a %s", stat.type) end
  if stat.uid ~= 0 and stat.uid ~= core.sys.uid() then
    refuse(where, "it belongs to another user (%d), who could change it", stat.uid)
  elseif stat.mode & GROUP_OR_OTHERS_WRITE ~= 0 then
    refuse(where, "other users may write to it: chmod go-w %s", path)
  end
  local directory = path
  while directory ~= "/" do
    directory = directory:match "^(.+)/[^/]*$" or "/"
    local above = errors.must(core.fs.lstat(directory))
    if above.mode & OTHERS_WRITE ~= 0 and above.mode & STICKY == 0 then
      refuse(where, "all users may write to the directory %s, and could replace it", directory)
    end
  end
end

-- An error of the file's is one of the setting's; one of the system's is not.
local function fail(where, path, message, code)
  local words = code == "too_large" and ("it has more than %d bytes"):format(signer_files.MAX)
    or message:gsub("^.*: ", "")
  errors.raise {
    kind = errors.hint(code) and "failed" or "usage", code = code, hint = errors.hint(code),
    message = ("%s: %s: %s"):format(where, path, words),
  }
end

--- Read a file, if no other user could have written it. A link is followed.
---@param path string
---@param setting string  what names the file, for messages
---@return molbuild.SignerFile
---@raise usage | failed
function signer_files.read(path, setting)
  local real, message, code = core.fs.realpath(path)
  if not real then fail(setting, path, message, code) end
  local where = ("%s: %s"):format(setting, path)
  check_owner(where, real)
  local bytes
  bytes, message, code = core.fs.read(real, signer_files.MAX)
  if not bytes then fail(setting, path, message, code) end
  return { path = path, where = where, bytes = bytes, sha256 = errors.must(core.sha256.hex(bytes)) }
end

-- Allowed signers -----------------------------------------------------------------------------------------------------

local BLOCK_BEGIN, BLOCK_END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"

-- Whether it begins with the packet of a public key (RFC 4880, 4.2), or is GnuPG's own keybox.
local function is_keyring(bytes)
  return bytes:sub(9, 12) == "KBXf" or bytes:find "^[\x98-\x9A\xC6]" ~= nil
end

--- The lines of a text, without comments and blank ones, each with its number.
local function lines_of(file)
  local bytes, list, number = file.bytes, {}, 0
  if bytes:find "^\xFF\xFE" or bytes:find "^\xFE\xFF" then refuse(file.where, "it is UTF-16 text: save it as UTF-8") end
  bytes = bytes:gsub("^\xEF\xBB\xBF", "")
  if bytes:find("\0", 1, true) then refuse(file.where, "it has a zero byte: it is no text") end
  for line in (bytes:gsub("\r\n", "\n") .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    line = line:gsub("^%s+", ""):gsub("%s+$", "")
    if line ~= "" and line:sub(1, 1) ~= "#" then list[#list + 1] = { number = number, text = line } end
  end
  return list
end

-- The beginning of each public key in base64: the length of its type's name.
local KEY = "AAAA[%w+/]+=?=?"

-- Whether a line is one of OpenSSH's format: principals, options, and a key with its type.
local function check_line(file, line)
  local before = line.text:match("^(.-)%s" .. KEY)
  if not before then
    refuse(file.where, 'line %d names no public key: PRINCIPALS [OPTIONS] TYPE KEY is needed, not "%s"', line.number,
      text.shown(line.text))
  elseif not before:find "%s" then
    refuse(file.where, "line %d names no principal in front of the key: that is a list of keys, not of signers", line.number)
  end
end

-- An armored block within the lines, as the data of its keys; and the index of its last line.
local function block_of(file, lines, first)
  local list, last = {}, first
  while lines[last] and lines[last].text ~= BLOCK_END do last = last + 1 end
  if not lines[last] then refuse(file.where, "the block of line %d has no end", lines[first].number) end
  for index = first + 1, last - 1 do
    local body = lines[index].text
    local is_header = body:find "^[%w-]+: " or body:find "^="
    if not is_header then list[#list + 1] = body end
  end
  local data = base64.decode(table.concat(list))
  if not data or not is_keyring(data) then refuse(file.where, "the block of line %d holds no key", lines[first].number) end
  return data, last
end

--- Split a file of allowed signers. It has the format of OpenSSH, and OpenPGP keys as armored blocks; or it is a keyring as `gpg
--- --export` writes it.
---@param file molbuild.SignerFile
---@return molbuild.AllowedSigners
---@raise usage
function signer_files.allowed(file)
  if is_keyring(file.bytes) then return { lines = {}, keyring = file.bytes } end
  local lines, found, keys, index = lines_of(file), {}, {}, 1
  while lines[index] do
    local line = lines[index]
    if line.text == BLOCK_BEGIN then
      keys[#keys + 1], index = block_of(file, lines, index)
    else
      check_line(file, line)
      found[#found + 1] = line.text
    end
    index = index + 1
  end
  if #found == 0 and #keys == 0 then refuse(file.where, "it names no signer") end
  return { lines = found, keyring = table.concat(keys) }
end

-- Revoked signers -----------------------------------------------------------------------------------------------------

local KRL = "SSHKRL\n\0"

-- The fingerprint that a line names, or that of its key.
local function fingerprint_of(line, fingerprint)
  local named = line:match "^SHA256:[%w+/]+" or line:match "^%x+"
  if named and (#named == 50 or #named == 40 or #named == 64) and not line:sub(#named + 1):find "^%S" then
    return named:find "^SHA256" and named or named:upper()
  end
  local key = base64.decode((" " .. line):match("%s(" .. KEY .. ")") or "=")
  return key and fingerprint(key)
end

--- Split a file of revoked signers: a key revocation list of OpenSSH, or a text with one public key, or one fingerprint, per line.
---@param file molbuild.SignerFile
---@param fingerprint fun(key: string): string?  that of a public key
---@return molbuild.RevokedSigners
---@raise usage
function signer_files.revoked(file, fingerprint)
  if file.bytes:sub(1, #KRL) == KRL then return { keys = {}, list = file.bytes } end
  local keys = {}
  for _, line in ipairs(lines_of(file)) do
    local found = fingerprint_of(line.text, fingerprint)
    if not found then
      refuse(file.where, 'line %d is no public key and no fingerprint: "%s"', line.number, text.shown(line.text))
    end
    keys[found] = true
  end
  return { keys = keys }
end

return signer_files

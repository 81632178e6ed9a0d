--- Signatures of commits by OpenPGP keys: what is in one, and whether it is good, by gpgv. gpgv reads no configuration, starts no
--- agent, and asks no server: it has the keys of one file.
local base64 = require "molbuild.base.base64"
local child = require "molbuild.base.child"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local commit_pgp = {}

--- Seconds for the answer, and its bytes.
local ANSWER, OUTPUT = 60, 65536

--- The type of a packet that is a signature (RFC 4880, 4.3).
local SIGNATURE = 2

-- Armor ---------------------------------------------------------------------------------------------------------------

--- The data of an armored text, without its headers and its checksum, which says nothing to a program that checks a signature.
---@param armored string
---@param title string  "SIGNATURE", "PUBLIC KEY BLOCK"
---@return string? data
function commit_pgp.dearmored(armored, title)
  local body = armored:gsub("\r\n", "\n"):match(
    ("^%%-%%-%%-%%-%%-BEGIN PGP %s%%-%%-%%-%%-%%- *\n(.*)\n%%-%%-%%-%%-%%-END PGP %s%%-%%-%%-%%-%%-%%s*$"):format(title, title))
  body = body and ("\n" .. body):match "^.-\n[ \t]*\n(.*)$"
  return body and base64.decode((body:gsub("\n=[%w+/]*%s*$", ""):gsub("%s", "")))
end

-- The type of the first packet, and the bytes that it takes with its header; nil for one whose length is not said.
local function packet_of(data)
  local tag = data:byte(1) or 0
  if tag & 0x80 == 0 then return nil end
  if tag & 0x40 == 0 then -- the old form
    local size = tag & 3
    if size == 3 then return nil end
    local length, at = string.unpack((">I%d"):format(1 << size), data, 2)
    return tag >> 2 & 15, at - 1 + length
  end
  local first = data:byte(2)
  if first < 192 then return tag & 63, 2 + first end
  if first < 224 then return tag & 63, 3 + ((first - 192) << 8) + data:byte(3) + 192 end
  if first < 255 then return nil end
  return tag & 63, 6 + (string.unpack(">I4", data, 3))
end

--- The data of an armored signature: one packet that is a signature. A text with two would have two answers, and a signed message
--- is about its own text.
---@param armored string
---@return string?
function commit_pgp.read(armored)
  local data = commit_pgp.dearmored(armored, "SIGNATURE")
  if not data then return nil end
  local ok, kind, length = pcall(packet_of, data)
  return ok and kind == SIGNATURE and length == #data and data or nil
end

-- Asking gpgv ---------------------------------------------------------------------------------------------------------

--- The path of the program.
---@return string
---@raise missing_tool
function commit_pgp.program()
  return child.find("gpgv", "it checks signatures by OpenPGP keys", "install gpgv, a part of GnuPG")
end

-- The lines of gpgv's status: { word, ... } each.
local function status_of(result)
  local lines = {}
  for line in (result.stdout or ""):gmatch "([^\n]*)\n" do
    local words = {}
    for word in (line:match "^%[GNUPG:%] (.*)$" or ""):gmatch "%S+" do words[#words + 1] = word end
    words.rest = line:match "^%[GNUPG:%] %S+ %S+ (.*)$"
    lines[#lines + 1] = words[1] and words or nil
  end
  return lines
end

local VERDICTS = {
  GOODSIG = true, EXPSIG = true, EXPKEYSIG = true, REVKEYSIG = true, BADSIG = true, ERRSIG = true,
}

-- The one verdict of a status, and the lines of some words; nil when there is none, or more than one.
local function verdict_of(lines)
  local found, by = nil, { KEYEXPIRED = {} }
  for _, line in ipairs(lines) do
    if VERDICTS[line[1]] then
      if found then return nil end
      found = line
    elseif line[1] == "NEWSIG" or line[1] == "VALIDSIG" then
      if by[line[1]] then return nil end
      by[line[1]] = line
    elseif line[1] == "KEYEXPIRED" then
      table.insert(by.KEYEXPIRED, math.tointeger(line[2]) or 0)
    elseif line[1] == "PLAINTEXT" then
      return nil
    end
  end
  return found, by
end

-- Whether a key that has expired by now had not when the commit was made: by the commit's time, and by the signature's own.
local function was_valid(expired, valid, time)
  local soonest = math.huge
  for _, seconds in ipairs(expired) do
    if seconds > 0 then soonest = math.min(soonest, seconds) end
  end
  local made = math.tointeger(valid[4])
  return soonest < math.huge and made ~= nil and made < soonest and time < soonest
end

local UNKNOWN_KEY = "9" -- of ERRSIG

local function shown_principal(user)
  user = user:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end)
  return text.shown(user)
end

-- The keys that made a signature: the one that signed, and the one that this belongs to.
local function keys_of(found, by)
  local valid = by.VALIDSIG
  if valid then return valid[2], valid[#valid] end
  local last = found[1] == "ERRSIG" and found[#found] or nil
  return last and #last >= 40 and last or found[2], nil
end

local function judge(found, by, how)
  local key, primary = keys_of(found, by)
  local function no(why, words)
    return { kind = "gpg", good = false, fingerprint = primary or key, why = why, words = words }
  end
  local revoked = how.revoked and how.revoked.keys or {}
  local valid, word = by.VALIDSIG, found[1]
  if word == "BADSIG" then return no("bad", "it is not of this commit") end
  if word == "ERRSIG" then
    if revoked[key] then return no "revoked" end
    return found[7] == UNKNOWN_KEY and no "unknown" or no("bad", "gpgv cannot check it")
  end
  if not valid or valid[10] ~= "00" then return no("bad", "it is not one of data") end
  if word == "REVKEYSIG" or revoked[key] or revoked[primary] then return no "revoked" end
  if word == "EXPSIG" then return no("expired", "the signature has expired") end
  if word == "EXPKEYSIG" and not was_valid(by.KEYEXPIRED, valid, how.time) then return no("expired", "expired") end
  return { kind = "gpg", good = true, fingerprint = primary, principal = shown_principal(found.rest or "") }
end

--- Check a signature.
---@param armored string
---@param how molbuild.SignatureQuestion
---@return molbuild.SignatureVerdict
---@raise missing_tool | timeout | failed | cancelled
function commit_pgp.check(armored, how)
  local data = commit_pgp.read(armored)
  if not data then return { kind = "gpg", good = false, why = "bad", words = "it is not one whole signature" } end
  commit_pgp.program()
  local signature, keyring = how.write("signature", data), how.write("keyring", how.allowed.keyring)
  local result = child.run {
    argv = { "gpgv", "--homedir", how.dir, "--status-fd", "1", "--keyring", keyring, signature, "-" },
    env = { LC_ALL = "C", TZ = "UTC0" }, unset = { "GNUPGHOME", "GPG_*" },
    input = how.payload, capture = OUTPUT, timeout = ANSWER, silent = true,
  }
  local found, by = verdict_of(status_of(result))
  if not found then return { kind = "gpg", good = false, why = "bad", words = "gpgv: " .. text.shown(child.last_words(result)) } end
  local verdict = judge(found, by, how)
  if verdict.good and result.code ~= 0 then
    errors.raise { kind = "failed", message = "gpgv: " .. text.shown(child.last_words(result)) }
  end
  return verdict
end

return commit_pgp

--- Packs of git objects written by hand: those that git itself would need minutes or gigabytes to make.
local sh = require "spec.support.sh"

local packs = {}

local function adler32(data)
  local a, b = 1, 0
  for at = 1, #data do
    a = (a + data:byte(at)) % 65521
    b = (b + a) % 65521
  end
  return (">I4"):pack(b << 16 | a)
end

--- A short text as a zlib stream that compresses nothing.
local function stored(data)
  return "\x78\x01\x01" .. ("<I2I2"):pack(#data, ~#data & 0xFFFF) .. data .. adler32(data)
end

--- Bits, the first one lowest, as bytes.
local function bytes(bits)
  local out = {}
  for at = 1, #bits, 8 do
    out[#out + 1] = string.char(tonumber(bits:sub(at, at + 7):reverse(), 2))
  end
  return table.concat(out)
end

local EIGHT_MATCHES = ("11000101" .. "00000"):rep(8) -- each: 258 bytes more of the one before, in fixed Huffman codes

--- 1 + 2064 * COUNT zeros as a zlib stream: a literal, and matches of the one byte. It repeats every 13 bytes.
local function zeros(count)
  local function deflated(periods)
    return bytes("110" .. "00110000" .. EIGHT_MATCHES:rep(periods) .. "0000000")
  end
  local one, two = deflated(1), deflated(2)
  local size = packs.size_of_zeros(count)
  return "\x78\x01" .. one:sub(1, 2) .. two:sub(3, 15):rep(count - 1) .. one:sub(3) .. (">I4"):pack(size % 65521 << 16 | 1)
end

function packs.size_of_zeros(count)
  return 1 + 2064 * count
end

local TYPES = { commit = 1, tree = 2, blob = 3, delta = 7 }

local function entry_header(kind, size)
  local byte, rest = TYPES[kind] << 4 | size & 15, size >> 4
  local out = {}
  while rest > 0 do
    out[#out + 1] = string.char(byte | 128)
    byte, rest = rest & 127, rest >> 7
  end
  return table.concat(out) .. string.char(byte)
end

local function varint(number)
  local out = {}
  while number > 127 do
    out[#out + 1] = string.char(number & 127 | 128)
    number = number >> 7
  end
  return table.concat(out) .. string.char(number)
end

--- A hexadecimal id in the form of a tree.
function packs.binary(id)
  return (id:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- An object in the form of a pack. ID is the id by which others refer to it; it need not be true.
function packs.object(kind, id, data)
  return { id = id, bytes = entry_header(kind, #data) .. stored(data) }
end

--- A blob of 1 + 2064 * COUNT zeros.
function packs.zeros(id, count)
  return { id = id, bytes = entry_header("blob", packs.size_of_zeros(count)) .. zeros(count) }
end

--- A blob that is COPIES times the first 16777215 bytes of the object BASE, whose size is BASE_SIZE.
function packs.copies(id, base, base_size, copies)
  local delta = varint(base_size) .. varint(copies * 0xFFFFFF) .. ("\xF0\xFF\xFF\xFF"):rep(copies)
  return { id = id, bytes = entry_header("delta", #delta) .. packs.binary(base) .. stored(delta) }
end

local function with_checksum(path, data)
  sh.write(path, data)
  sh.write(path, data .. packs.binary(sh.run({ "sha1sum", path }):match "^%x+"))
end

--- CRC-32, big endian; gzip puts it behind what it compresses.
local function crc32(path, data)
  sh.write(path, data)
  local crc = sh.run("gzip -1 -c " .. sh.quote(path) .. " | tail -c 8 | head -c 4 | od -An -tx1"):gsub("%s", "")
  sh.run { "rm", path }
  return packs.binary(crc):reverse()
end

--- Put a pack of these objects, and its index, into a repository.
function packs.write(repository, objects)
  local base = repository .. "/objects/pack/pack-" .. ("0"):rep(40)
  local parts, at, rows = { "PACK" .. (">I4I4"):pack(2, #objects) }, 12, {}
  for _, object in ipairs(objects) do
    rows[#rows + 1] = { id = packs.binary(object.id), at = (">I4"):pack(at), crc = crc32(base .. ".part", object.bytes) }
    parts[#parts + 1], at = object.bytes, at + #object.bytes
  end
  with_checksum(base .. ".pack", table.concat(parts))
  table.sort(rows, function(a, b) return a.id < b.id end)
  local index, first = { "\xFFtOc" .. (">I4"):pack(2) }, 1
  for byte = 0, 255 do
    while rows[first] and rows[first].id:byte() <= byte do first = first + 1 end
    index[#index + 1] = (">I4"):pack(first - 1)
  end
  for _, field in ipairs { "id", "crc", "at" } do
    for _, row in ipairs(rows) do index[#index + 1] = row[field] end
  end
  local pack = sh.read(base .. ".pack")
  with_checksum(base .. ".idx", table.concat(index) .. pack:sub(-20))
end

return packs

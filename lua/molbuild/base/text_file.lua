--- Text files that people write, in the forms that editors save.
local core = require "molbuild.core"

local text_file = {
  --- The most seconds for reading a pipe, such as a shell's "<(...)". Its writer may have to prompt for a passphrase.
  PIPE_SECONDS = 60,
}

local BOM = "\xEF\xBB\xBF"
local UTF16 = { ["\xFF\xFE"] = true, ["\xFE\xFF"] = true }

--- The text of a file, without a byte order mark; CR LF becomes LF.
---@param path string
---@param max integer?  bytes; a larger file is an error
---@param seconds number?  as for core.fs.read: if given, a pipe is read, too
---@return string? text
---@return string? message
---@return string? code  "invalid" for text in UTF-16
function text_file.read(path, max, seconds)
  local text, message, code = core.fs.read(path, max, seconds)
  if not text then
    return nil, message, code
  end
  if UTF16[text:sub(1, 2)] then
    return nil, path .. " is UTF-16 text: save it as UTF-8", "invalid"
  end
  if text:sub(1, 3) == BOM then
    text = text:sub(4)
  end
  if text:find("\r\n", 1, true) then
    text = text:gsub("\r\n", "\n")
  end
  return text
end

--- The same for a Lua program, which may come through a pipe. A first line that begins with # is for the system, and is
--- replaced by an empty line.
---@param path string
---@return string? source
---@return string? message
---@return string? code
function text_file.read_lua(path)
  local source, message, code = text_file.read(path, nil, text_file.PIPE_SECONDS)
  if source and source:sub(1, 1) == "#" then
    source = source:gsub("^[^\n]*", "", 1)
  end
  return source, message, code
end

return text_file

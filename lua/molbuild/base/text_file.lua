--- Text files that people write, as their editors save them.
local core = require "molbuild.core"

local text_file = {
  --- How long a pipe, as a shell's "<(...)" is, may take to its end: somebody may have to type a passphrase.
  PIPE_SECONDS = 60,
}

local BOM = "\xEF\xBB\xBF"
local UTF16 = { ["\xFF\xFE"] = true, ["\xFE\xFF"] = true }

--- The text of a file: without a byte order mark, and with LF where a line ends in CR LF.
---@param path string
---@param max integer?  bytes; more are an error
---@param seconds number?  as for core.fs.read: a pipe is read, too
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

--- The same for a Lua program, which may come through a pipe. A first line that begins with # is for the system that starts
--- it, and is left empty.
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

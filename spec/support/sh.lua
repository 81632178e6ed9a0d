--- What specs need of a shell: quoting, files, directories, waiting.
local sh = {}

---@param word string|number
---@return string
function sh.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

--- A command line from words.
---@param words (string|number)[]
---@return string
function sh.join(words)
  local quoted = {}
  for index, word in ipairs(words) do quoted[index] = sh.quote(word) end
  return table.concat(quoted, " ")
end

--- Run a shell command that must succeed, and give what it writes to stdout, without the last newline.
---@param command string|(string|number)[]  a command line, or words
---@return string
function sh.run(command)
  local line = type(command) == "table" and sh.join(command) or command
  local pipe = assert(io.popen(line, "r"))
  local output = pipe:read "a"
  local ok, how, status = pipe:close()
  if not ok then error(("%s: %s %d: %s"):format(line, how, status, output), 2) end
  return (output:gsub("\n$", ""))
end

--- Whether a shell command succeeds; what it writes is lost.
---@param command string|(string|number)[]
---@return boolean
function sh.try(command)
  local line = type(command) == "table" and sh.join(command) or command
  return os.execute(("{ %s; } >/dev/null 2>&1 </dev/null"):format(line)) == true
end

---@param path string
---@return string? content
function sh.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local content = file:read "a"
  file:close()
  return content
end

--- Write a file, making its directories.
---@param path string
---@param content string
function sh.write(path, content)
  local directory = path:match "^(.+)/[^/]+$"
  if directory then sh.run { "mkdir", "-p", "--", directory } end
  local file = assert(io.open(path, "wb"))
  assert(file:write(content))
  assert(file:close())
end

--- A new directory that only we can read. The caller removes it.
---@param purpose string  becomes part of its name
---@return string
function sh.temporary(purpose)
  return sh.run { "mktemp", "-d", (os.getenv "TMPDIR" or "/tmp") .. "/" .. purpose .. ".XXXXXX" }
end

--- Remove a directory and all in it, write-protected things too.
---@param path string
function sh.remove(path)
  assert(#path > 1, "refusing to remove " .. path)
  sh.try { "chmod", "-R", "u+rwX", "--", path }
  sh.run { "rm", "-rf", "--", path }
end

---@param seconds number
function sh.sleep(seconds)
  os.execute(("exec sleep %.3f"):format(seconds))
end

--- Seconds, with a fraction.
---@return number
function sh.now()
  return tonumber(sh.run "date +%s.%N") or os.time()
end

--- Wait until CONDITION gives something true, and return that; raise when it takes longer than SECONDS.
---@generic T
---@param seconds number
---@param what string  for the message
---@param condition fun(): T?
---@return T
function sh.wait_until(seconds, what, condition)
  local deadline = sh.now() + seconds
  repeat
    local result = condition()
    if result then return result end
    sh.sleep(0.02)
  until sh.now() > deadline
  error(("waited %g s in vain for %s"):format(seconds, what), 2)
end

return sh

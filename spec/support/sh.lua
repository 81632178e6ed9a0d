--- What specs need of a shell: quoting, commands, files, processes, waiting. What a wait does again and again starts no program:
--- that would keep the machine busy.
local core = require "molbuild.core"
local lfs = require "lfs" -- luafilesystem: busted needs it, too
local system = require "system" -- luasystem: busted needs it, too

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

local function line_of(command)
  return type(command) == "table" and sh.join(command) or command
end

--- Run a shell command that must succeed, and give what it prints (stderr too), without the last newline.
---@param command string|(string|number)[]  a command line, or words
---@return string
function sh.run(command)
  local line = line_of(command)
  local pipe = assert(io.popen("{ " .. line .. "\n} 2>&1", "r"))
  local output = pipe:read "a"
  local ok, how, status = pipe:close()
  if not ok then error(("%s: %s %d\n%s"):format(line, how, status, output), 2) end
  return (output:gsub("\n$", ""))
end

--- Whether a shell command succeeds; what it prints is lost.
---@param command string|(string|number)[]
---@return boolean
function sh.try(command)
  return os.execute(("{ %s\n} >/dev/null 2>&1 </dev/null"):format(line_of(command))) == true
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

--- Write a file, making its directories. A link in its place is replaced, never written through: specs make links that lead
--- out of their directory, and may run as root.
---@param path string
---@param content string
function sh.write(path, content)
  local directory = path:match "^(.+)/[^/]+$"
  if directory then assert(core.fs.mkdirp(directory)) end
  local stat = core.fs.lstat(path)
  if stat and stat.type == "link" then assert(os.remove(path)) end
  local file = assert(io.open(path, "wb"))
  assert(file:write(content))
  assert(file:close())
end

--- A new directory that only we can read. The caller removes it.
---@param purpose string  becomes part of its name
---@return string
function sh.temporary(purpose)
  return assert(core.fs.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/" .. purpose .. "."))
end

--- Remove a directory and all in it, write-protected things too.
---@param path string
function sh.remove(path)
  assert(#path > 1, "refusing to remove " .. path)
  assert(core.fs.remove_tree(path))
end

--- Whether a process runs; a zombie does not.
---@param pid integer
---@return boolean
function sh.lives(pid)
  local stat = sh.read(("/proc/%d/stat"):format(pid))
  if stat then return not stat:find("^.*%) [ZX]") end
  -- Not every system has /proc.
  return not sh.read "/proc/self/stat" and sh.try(("ps -o state= -p %d | grep -q '^ *[^Z ]'"):format(pid))
end

--- The ids of the processes for which TEST is true of the words in a file of /proc. pgrep reads ten times as much.
local function processes(name, test)
  local pids = {}
  for pid in lfs.dir "/proc" do
    local words = pid:find "^%d+$" and sh.read(("/proc/%s/%s"):format(pid, name))
    if words and test(words) then pids[#pids + 1] = math.tointeger(pid) end
  end
  return pids
end

--- The processes whose command line contains TEXT.
---@param text string  words, with single spaces between them
---@return integer[] pids
function sh.processes(text)
  return processes("cmdline", function(words) return words:gsub("\0", " "):find(text, 1, true) end)
end

local serial, own = 0, nil

--- Seconds for `sleep` that nothing else on this machine sleeps for: hours, and by them sh.processes finds what sleeps.
---@return string
function sh.unique_seconds()
  serial, own = serial + 1, own or sh.run "echo $PPID"
  return ("9%s.%03d"):format(own, serial)
end

--- The processes that were started with a variable of the environment, and their children.
---@param variable string  "NAME=VALUE"
---@return integer[] pids
function sh.processes_with(variable)
  return processes("environ", function(words) return ("\0" .. words):find("\0" .. variable .. "\0", 1, true) end)
end

--- Send a signal to processes, some of which may have ended.
---@param pids integer[]
---@param signal string  "TERM"
function sh.kill(pids, signal)
  if #pids > 0 then sh.try { "kill", "-s", signal, table.unpack(pids) } end
end

--- The seconds of a duration as molbuild prints it: "7s", "1m07s".
---@param text string
---@return number
function sh.seconds(text)
  local minutes, seconds = assert(text, "no duration"):match "^(%d-)m?(%d%d?)s$"
  return (tonumber(minutes) or 0) * 60 + assert(tonumber(seconds), text)
end

---@param seconds number
function sh.sleep(seconds)
  system.sleep(seconds)
end

--- Seconds of a monotonic clock, with a fraction.
---@return number
function sh.now()
  return system.monotime()
end

--- Wait until CONDITION gives something true, and return that; raise when it takes longer than SECONDS. The longer it has waited,
--- the less often the condition is asked; and one that costs time, because it reads much, is asked less often from the start.
---@generic T
---@param condition fun(): T?
---@param seconds? number  60 when absent
---@param what? string  for the message
---@return T
function sh.wait_for(condition, seconds, what)
  seconds = seconds or 60
  local begun = sh.now()
  repeat
    local asked = sh.now()
    local result = condition()
    if result then return result end
    local now = sh.now()
    sh.sleep(math.max(0.01, math.min(0.2, math.max(3 * (now - asked), (now - begun) / 20))))
  until sh.now() > begun + seconds
  error(("waited %g s without success for %s"):format(seconds, what or "a condition"), 2)
end

return sh

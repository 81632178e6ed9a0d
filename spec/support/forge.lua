--- Forges for worlds (forge.sh). Starting one takes longer than most cases: a world releases its forge, and the next world of the
--- same spec file uses it, reset. All end with the file.
local core = require "molbuild.core"
local sh = require "spec.support.sh"

local forge = {}

local SCRIPT = "spec/support/forge.sh"

local running, idle = {}, {}

local function stop(dir)
  running[dir] = nil
  sh.run { SCRIPT, "stop", dir }
  sh.remove(dir)
end

local subscribed = false
local function stop_all_at_the_end()
  if subscribed then return end
  subscribed = true
  require "busted".subscribe({ "exit" }, function()
    for dir in pairs(running) do stop(dir) end
    return nil, true
  end)
end

--- Remove everything of the previous world.
local function clean(dir)
  for _, name in ipairs { "repos", "canned", "static", "home" } do
    assert(core.fs.remove_tree(dir .. "/" .. name))
    assert(core.fs.mkdirp(dir .. "/" .. name))
  end
  for _, name in ipairs { "access.log", "users.log" } do sh.write(dir .. "/log/" .. name, "") end
  sh.write(dir .. "/token", running[dir])
end

--- A private forge.
---@param shared string  the directory of shared.sh
---@return string dir
function forge.take(shared)
  local dir = table.remove(idle)
  if dir then
    clean(dir)
    return dir
  end
  stop_all_at_the_end()
  dir = sh.temporary "forge"
  sh.run(("cp -r %s/tls %s && %s start %s"):format(shared, dir, SCRIPT, dir))
  running[dir] = sh.read(dir .. "/token")
  return dir
end

--- The caller needs it no longer. One that is BUSY, since it still delays an answer, is ended.
---@param dir string
---@param busy boolean
function forge.release(dir, busy)
  if busy then stop(dir) else table.insert(idle, dir) end
end

return forge

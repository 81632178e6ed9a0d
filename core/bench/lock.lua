--- A policy that takes a lock and gives it back: lock.lua PATH. For many processes at once.
local core = require("molbuild").core

return {
  run = function(args)
    local lock <close> = assert(core.lock.acquire(args[1], { timeout = 60, purpose = "bench" }))
    assert(lock:held())
  end,
}

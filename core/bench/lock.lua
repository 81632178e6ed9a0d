--- A policy that acquires a lock and releases it: lock.lua PATH. For many processes at the same time.
local core = require("molbuild").core

return {
  run = function(args)
    local lock <close> = assert(core.lock.acquire(args[1], { timeout = 60, purpose = "bench" }))
    assert(lock:held())
    return args[1]
  end,
}

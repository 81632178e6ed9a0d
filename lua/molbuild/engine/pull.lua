--- A pull by the docker CLI, or podman, which have the credentials. It is bounded and watched like a build.
local child = require "molbuild.base.child"
local words = require "molbuild.engine.words"
local errors = require "molbuild.base.errors"

local pull = {}

--- Ctrl-C sends INT to the docker CLI, which then cancels the pull inside the engine, too.
local SIGINT = 2

-- The error's kind for each cause that the program names.
local KINDS = { auth = "auth", missing = "not_found", limit = "remote", unreachable = "remote", trust = "remote" }

---@class molbuild.PullOptions
---@field platform string?  as of names.platform; the engine's own when absent
---@field timeout number?  the ceiling, in seconds
---@field stall number?  the longest silence, in seconds; four times as much for a download, which is silent by nature
---@field log_file string?
---@field keep table?  locks that are held as long as the pull runs

local function run_program(engine, ref, options)
  local argv = { "pull", ref }
  if options.platform then
    table.insert(argv, 2, "--platform=" .. options.platform)
  end
  return engine:run(argv, {
    signal = SIGINT,
    timeout = options.timeout or math.huge,
    stall = options.stall,
    quiet_phase = options.stall and options.stall * 4,
    log_file = options.log_file,
    keep = options.keep,
    on_line = function() return "quiet" end, -- without a terminal a layer's download prints nothing until its end
  })
end

--- Pull an image; then ask the engine for it.
---@param engine molbuild.Engine
---@param ref string  checked by the caller
---@param options molbuild.PullOptions
---@return molbuild.Image?  nil when the engine's answer is unusable
---@raise auth | not_found | remote | failed | timeout | missing_tool | cancelled  with `code`: the cause (words.cause)
function pull.run(engine, ref, options)
  local what = ("%s pull %s"):format(engine.command:match "[^/]*$", ref)
  local result = run_program(engine, ref, options)
  if result.code ~= 0 then
    local verdict = words.verdict(result)
    if not result.signal and not engine:answers() then
      engine:raise_unreachable(verdict)
    end
    local cause = words.cause(verdict)
    errors.raise {
      kind = KINDS[cause] or "failed",
      code = cause,
      message = ("%s: %s"):format(what, verdict),
      hint = words.hint(cause, engine.podman),
      tail = child.last_lines(result.tail, 40),
      log = options.log_file,
    }
  end
  local image, unclear = engine:image(ref)
  if not image and not unclear then
    errors.raise { kind = "failed", message = what .. ": the pull succeeded, but the engine has no such image" }
  end
  return image
end

return pull

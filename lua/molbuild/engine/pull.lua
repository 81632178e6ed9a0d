--- A pull by the docker CLI, or podman, whose credentials count: bounded and watched like a build.
local child = require "molbuild.base.child"
local words = require "molbuild.engine.words"
local errors = require "molbuild.base.errors"

local pull = {}

--- INT is what a person's Ctrl-C sends the docker CLI: it then ends the pull inside the engine, too.
local SIGINT = 2

-- The kind of the error for each cause that the program names.
local KINDS = { auth = "auth", missing = "not_found", limit = "remote", unreachable = "remote", trust = "remote" }

---@class molbuild.PullOptions
---@field platform string?  as of names.platform; the engine's own when absent
---@field timeout number?  the ceiling, in seconds
---@field stall number?  the longest silence, in seconds; a download, which is silent by nature, gets four times as much
---@field log_file string?
---@field keep table?  locks that live as long as the pull

local function run_program(engine, ref, options)
  local argv = { "pull", ref }
  if options.platform then
    table.insert(argv, 2, "--platform=" .. options.platform)
  end
  return engine:run(argv, {
    signal = SIGINT,
    timeout = options.timeout or 0,
    stall = options.stall,
    quiet_phase = options.stall and options.stall * 4,
    log_file = options.log_file,
    keep = options.keep,
    on_line = function() return "quiet" end, -- off a terminal a layer's download prints nothing until it has ended
  })
end

--- Pull an image. The engine is asked for it then.
---@param engine molbuild.Engine
---@param ref string  checked by the caller
---@param options molbuild.PullOptions
---@return molbuild.Image?  nil when the engine's answer cannot be understood
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

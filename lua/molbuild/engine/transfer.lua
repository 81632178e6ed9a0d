--- A pull or a push by the docker CLI, or podman, which have the credentials. It is bounded and watched like a build.
local child = require "molbuild.base.child"
local words = require "molbuild.engine.words"
local errors = require "molbuild.base.errors"

local transfer = {}

--- Ctrl-C sends INT to the docker CLI, which then cancels the transfer inside the engine, too.
local SIGINT = 2

-- The error's kind for each cause that the program names.
local KINDS = { auth = "auth", missing = "not_found", limit = "remote", unreachable = "remote", trust = "remote" }

---@class molbuild.TransferOptions
---@field platform string?  of a pull; as of names.platform; the engine's own when absent
---@field timeout number?  the ceiling, in seconds
---@field stall number?  the longest silence, in seconds; four times as much for a layer, which is silent by nature
---@field log_file string?
---@field keep table?  locks that are held as long as the transfer runs
---@field on_line (fun(line: string): any)?  called for each line that the program prints

local function run_program(engine, argv, options)
  return engine:run(argv, {
    signal = SIGINT,
    timeout = options.timeout or math.huge,
    stall = options.stall,
    quiet_phase = options.stall and options.stall * 4,
    log_file = options.log_file,
    keep = options.keep,
    on_line = function(line)
      if options.on_line then options.on_line(line) end
      return "quiet" -- without a terminal a layer's transfer prints nothing until its end
    end,
  })
end

local function raise_failed(engine, what, result, options)
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

local function run(engine, verb, ref, options)
  local what = ("%s %s %s"):format(engine.command:match "[^/]*$", verb, ref)
  local argv = { verb, ref }
  if options.platform then table.insert(argv, 2, "--platform=" .. options.platform) end
  local result = run_program(engine, argv, options)
  if result.code ~= 0 then raise_failed(engine, what, result, options) end
  return what
end

--- Pull an image; then ask the engine for it.
---@param engine molbuild.Engine
---@param ref string  checked by the caller
---@param options molbuild.TransferOptions
---@return molbuild.Image?  nil when the engine's answer is unusable
---@raise auth | not_found | remote | failed | timeout | missing_tool | cancelled  with `code`: the cause (words.cause)
function transfer.pull(engine, ref, options)
  local what = run(engine, "pull", ref, options)
  local image, unclear = engine:image(ref)
  if not image and not unclear then
    errors.raise { kind = "failed", message = what .. ": the pull succeeded, but the engine has no such image" }
  end
  return image
end

--- Push an image. One that is there already is a success.
---@param engine molbuild.Engine
---@param ref string  checked by the caller
---@param options molbuild.TransferOptions
---@raise auth | not_found | remote | failed | timeout | missing_tool | cancelled  with `code`: the cause (words.cause)
function transfer.push(engine, ref, options)
  run(engine, "push", ref, options)
end

--- Make an image of labels alone, without files: a text for a registry.
---@param engine molbuild.Engine
---@param ref string  checked by the caller
---@param labels table<string, string>  without spaces and quotes in them
---@raise failed | timeout | missing_tool | cancelled
function transfer.put_labels(engine, ref, labels)
  local argv = { "import" }
  for name, value in pairs(labels) do
    argv[#argv + 1] = "--change"
    argv[#argv + 1] = ("LABEL %s=%s"):format(name, value)
  end
  argv[#argv + 1], argv[#argv + 2] = "/dev/null", ref
  local result = engine:run(argv, { capture = 4096, silent = true })
  if result.code ~= 0 then raise_failed(engine, ("%s import %s"):format(engine.command:match "[^/]*$", ref), result, {}) end
end

return transfer

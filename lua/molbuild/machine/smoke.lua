--- The setting smoke: an image runs once, apart from everything, before it is accepted.
local child = require "molbuild.base.child"
local container = require "molbuild.engine.container"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local image = require "molbuild.engine.image"
local log = require "molbuild.base.log"
local stock = require "molbuild.engine.stock"
local words = require "molbuild.engine.words"

local smoke = {
  --- The label of such a container. Its value is the same for the runs of one runtime with one cache.
  LABEL = "app.molecule.verify",
}

local UNTIL = smoke.LABEL .. ".until"

-- Seconds that the clocks of two machines with one engine may differ.
local SKEW = 600

local LOG_MAX = 4 * 1024 * 1024 -- bytes of one run's output in the log
local LOGS_MAX = 64 * 1024 * 1024 -- bytes of a log that more is added to

-- Containers of killed runs --------------------------------------------------------------------------------------------

local function owner(cache, runtime)
  return core.sha256.hex(table.concat({ core.sys.hostname() or "", cache, runtime }, "\n")):sub(1, 16)
end

--- The containers of such runs.
---@param engine molbuild.Engine
---@return molbuild.StockContainer[]
---@raise failed | missing_tool
function smoke.containers(engine)
  return stock.containers(engine, smoke.LABEL)
end

--- Those of them that killed runs have left: of this runtime and cache, and of others, whose time is over.
---@param all molbuild.StockContainer[]
---@param cache string
---@param runtime string  whose lock is held
---@return molbuild.StockContainer[]
function smoke.left(all, cache, runtime)
  local own, now, left = owner(cache, runtime), os.time(), {}
  for _, found in ipairs(all) do
    local till = tonumber(found.labels[UNTIL])
    if found.id and (found.labels[smoke.LABEL] == own or till and till < now) then left[#left + 1] = found end
  end
  return left
end

--- Remove them.
---@param engine molbuild.Engine
---@param cache string
---@param runtime string  whose lock is held
---@raise failed | missing_tool
function smoke.sweep(engine, cache, runtime)
  for _, found in ipairs(smoke.left(smoke.containers(engine), cache, runtime)) do
    local refused = container.remove(engine, found.id)
    if refused then log.warn("the container %s of a killed run stays: %s", found.name, refused) end
  end
end

-- What a run shows -----------------------------------------------------------------------------------------------------

local function shown(argv)
  local command = table.concat(argv, " "):gsub("%c", " ")
  return #command > 60 and command:sub(1, 57) .. "..." or command
end

-- An image for another processor, on an engine that cannot emulate it.
local function is_alien(job, result)
  local own = job.engine:platform()
  local is_other = own and job.target_platform and image.is_emulated(job.target_platform, own)
  return is_other and result.tail:find("exec format error", 1, true) ~= nil, own
end

-- The engine's program reports with these beginnings what it could not do, and the program of the image did not start.
local function is_of_engine(result, podman)
  local verdict = words.verdict(result)
  local is = podman and result.code >= 125 and result.code <= 127 and verdict:find "^Error: "
    or not podman and result.code == 1 and verdict:find "^Error response from daemon: "
  return is and true or false, verdict
end

-- Of these the image or the setting is the cause.
local NOT_STARTED = { 'exec: "', "executable file", "open executable" }

local function is_of_image(verdict)
  for _, said in ipairs(NOT_STARTED) do
    if verdict:find(said, 1, true) then return true end
  end
  return false
end

local function refuse(job, result, format, ...)
  errors.raise {
    kind = "template", message = ("the image of %s was refused: "):format(job.runtime) .. format:format(...),
    tail = child.last_lines(result.tail, 40), log = job.log_file,
  }
end

-- Raise what a run that did not succeed has shown.
local function judge(job, result)
  local command, options = shown(job.smoke.argv), job.smoke
  local alien, own = is_alien(job, result)
  local of_engine, verdict = is_of_engine(result, job.engine.podman)
  if result.signal or alien or of_engine and not is_of_image(verdict) then
    errors.raise {
      kind = "failed", code = "engine", retry = result.signal and true or nil, log = job.log_file,
      message = alien and ("the image of %s is for %s, and the engine, which is %s, cannot run it"):format(job.runtime,
          job.target_platform, own)
        or ("the image of %s was not tried: %s"):format(job.runtime, verdict),
      hint = alien and "set up emulation on the engine's machine (binfmt_misc, qemu-user-static)" or nil,
    }
  elseif of_engine then
    refuse(job, result, '"%s" did not start: %s', command, verdict)
  end
  local last = child.last_lines(result.tail, 1)[1]
  refuse(job, result, '"%s" ended with the exit status %d%s%s', command, result.code,
    result.code == 137 and (", killed: it may have needed more memory than %s (smoke.memory)"):format(options.memory) or "",
    last and "; the last line was: " .. last or "")
end

-- The log of the build, with the output of this run behind it; one of a run that did not build is made.
local function log_of(job)
  job.log_file = rawget(job, "log_file") or ("%s/%s/%s.log"):format(job.cache, job.runtime, (job.sha or "latest"):sub(1, 12))
  local stat = core.fs.lstat(job.log_file)
  if stat and stat.size > LOGS_MAX then core.fs.remove_tree(job.log_file) end
  local ok = core.fs.mkdirp(job.log_file:match "^(.*)/", 448)
  return ok and job.log_file or nil
end

local function options_of(job)
  local options, started = job.smoke, core.sys.monotonic()
  local serial = core.sha256.hex(table.concat({ core.sys.hostname() or "", job.cache, job.tag, started, core.sys.now() }, "\n"))
  return {
    image = job.image_id, name = ("molbuild-verify-%s-%s"):format(job.runtime, serial:sub(1, 16)),
    labels = {
      [smoke.LABEL] = owner(job.cache, job.runtime), [UNTIL] = ("%d"):format(os.time() + math.ceil(options.timeout) + SKEW),
    },
    argv = options.argv, memory = options.memory, tmp = options.tmp, pids = options.pids, timeout = options.timeout,
    log_file = log_of(job), log_max = LOG_MAX,
  }
end

-- The bound of the run is its own, and no other one's.
local function name_bound(job, failure)
  if failure.bound == "timeout" then
    failure.bound = nil
    failure.message = ('"%s" in the image of %s took longer than %g s (smoke.timeout)%s'):format(shown(job.smoke.argv), job.runtime,
      job.smoke.timeout, failure.tail and failure.tail[1] and "; the last line was: " .. failure.tail[#failure.tail] or "")
  end
  return failure
end

--- Run a job's image once, as the setting says.
---@param job table  with image_id and the setting; its lock is held
---@raise template  the image is refused
---@raise timeout | failed | missing_tool | cancelled
function smoke.run(job)
  if not job.image_id then
    errors.raise { kind = "failed", message = job.tag .. ": the engine cannot be asked about the image, which is not tried" }
  end
  smoke.sweep(job.engine, job.cache, job.runtime)
  local ok, result = errors.try(container.run, job.engine, options_of(job))
  if not ok then error(name_bound(job, result), 0) end
  if result.code ~= 0 then judge(job, result) end
end

return smoke

--- The checks of the container engine: reachable, its builder, the platforms that it emulates, its space.
local amounts = require "molbuild.base.amounts"
local core = require "molbuild.core"
local demands = require "molbuild.engine.demands"
local endpoint = require "molbuild.engine.endpoint"
local errors = require "molbuild.base.errors"
local image = require "molbuild.engine.image"
local images = require "molbuild.machine.images"
local stock = require "molbuild.engine.stock"
local task = require "molbuild.base.task"
local text = require "molbuild.base.text"

local doctor_engine = {}

-- Seconds for an answer of the engine. A run waits longer, and then fails in the same way.
local ANSWER = 20

-- The address of an engine, and what names it: "unix:///var/run/docker.sock, from the default".
local function place_of(engine)
  local kind = engine.command:match "[^/]*$"
  if not endpoint.knows(kind) then return "the one that " .. engine.command .. " knows" end
  local place = endpoint.place(kind)
  return place.host and ("%s, from %s"):format(core.mask.url(place.host), place.from)
    or ("the place that %s names"):format(place.from)
end

-- The engine's answer about itself; raises what a run would raise.
local function server_of(engine)
  local ok, stuck = pcall(engine.raise_stuck, engine, ("no answer within %d s"):format(ANSWER))
  local server, message = task.timeout(ANSWER, function() return engine:ask "server" end, not ok and stuck or nil)
  if not server then
    errors.raise { kind = "missing_tool", message = "the engine cannot be used: " .. (message or "no usable answer") }
  end
  return server
end

local function check_reach(report, engine)
  local known, where = report:try("engine", place_of, engine)
  if not known then return nil end
  local ok, server = pcall(server_of, engine)
  if not ok then
    local failure = errors.object(server)
    failure.message = errors.is_cancelled(failure) and failure.message or ("%s (endpoint: %s)"):format(failure.message, where)
    error(failure, 0)
  end
  local name = engine.podman and "podman" or "Docker Engine"
  report:ok("engine", ("%s %s at %s"):format(name, text.said(server.Version) or "of an unknown version", where))
  return server
end

-- Emulation ---------------------------------------------------------------------------------------------------------

-- What a kernel and QEMU call the processors.
local QEMU = { amd64 = "x86_64", ["386"] = "i386", arm64 = "aarch64", loong64 = "loongarch64" }

local BINFMT = "/proc/sys/fs/binfmt_misc"

--- Whether the kernel of this machine has an emulator for a platform; nil when that cannot be seen.
---@param platform string
---@return boolean?
function doctor_engine.emulates(platform)
  local names = core.fs.list(BINFMT)
  local processor = platform:match "^[^/]+/([^/]+)"
  local word = QEMU[processor] or processor
  if not names or #names == 0 then return nil end
  for _, name in ipairs(names) do
    local entry = name:find(word, 1, true) and core.fs.read(BINFMT .. "/" .. name, 4096)
    if entry and entry:find "^enabled" then return true end
  end
  return false
end

-- An engine on another machine, or in a virtual one, has another kernel.
local function is_here(server)
  local release = core.fs.read("/proc/sys/kernel/osrelease", 4096)
  return release ~= nil and text.said(server.KernelVersion) == release:gsub("%s+$", "")
end

local SET_UP = "set up emulation on the engine's machine (binfmt_misc, qemu-user-static)"

local function check_platform(report, platform, own, server, native)
  native = native and native .. " builds for the engine's own platform"
  local set_up = native and ("%s; %s"):format(SET_UP, native) or SET_UP
  if not image.is_emulated(platform, own) then
    return report:ok("platform", ("%s runs on this engine, which is %s"):format(platform, own))
  end
  local there -- nil: not known
  if is_here(server) then there = doctor_engine.emulates(platform) end
  if there == false then
    return report:fail("platform", errors.new {
      kind = "build", message = ("%s cannot run on this engine, which is %s: no emulator is registered"):format(platform, own),
      hint = set_up,
    })
  end
  report:warn("platform", ("%s is emulated on this engine, which is %s: a build is slow and may fail"):format(platform, own),
    there and native or set_up)
end

-- Space -------------------------------------------------------------------------------------------------------------

-- What a template's image may have when none was seen yet.
local USUAL_IMAGE = 7 * 1000 ^ 3

--- Free space of an engine against what its next image needs. An image that replaces another one needs space for both.
---@param report molbuild.DoctorReport
---@param free integer?  bytes; nil: not known
---@param largest integer?  bytes of the largest image that was seen; nil: there is none
function doctor_engine.space(report, free, largest)
  local against = largest and ("the largest image of a runtime has %s"):format(amounts.size(largest))
    or "no image of a runtime was seen, and one may have 7 GB"
  local hint = "remove what nothing needs: molbuild gc SCRIPT, docker system df"
  if not free then
    report:ok("engine's space", "its free space is not known here; " .. against)
  elseif largest and free < largest then
    report:fail("engine's space", errors.new {
      kind = "failed", message = ("%s free, and %s"):format(amounts.size(free), against), hint = hint,
    })
  elseif free < (largest and 2 * largest or USUAL_IMAGE) then
    report:warn("engine's space", ("%s free, and %s"):format(amounts.size(free), against), hint)
  else
    report:ok("engine's space", ("%s free; %s"):format(amounts.size(free), against))
  end
end

local function check_space(report, engine)
  local largest
  for _, found in ipairs(stock.images(engine, images.LABEL)) do
    largest = math.max(largest or 0, found.size or 0)
  end
  doctor_engine.space(report, stock.free(engine), largest)
end

--- The builder that the engine's program uses.
---@param report molbuild.DoctorReport
---@param engine molbuild.Engine
function doctor_engine.builder(report, engine)
  local builder, advice = engine:builder()
  local name = engine:program():match "[^/]*$"
  if advice then
    report:warn("builder", advice)
  else
    report:ok("builder", builder == "buildkit" and "BuildKit, by " .. name or "the classic builder, by " .. name)
  end
end

--- Whether the builder has what a job demands of it, and the secrets are there.
---@param report molbuild.DoctorReport
---@param engine molbuild.Engine
---@param job table
function doctor_engine.demands(report, engine, job)
  local words = {}
  for option, value in pairs(demands.recorded(job)) do
    words[#words + 1] = type(value) == "table" and option .. " " .. table.concat(value, " ") or option
  end
  table.sort(words)
  report.about = job.runtime
  local ok = report:try("demands", function() demands.check(engine, engine:builder(), job) end)
  if ok then report:ok("demands", "the builder can do it: " .. table.concat(words, ", ")) end
end

--- Whether the engine can be reached, and what it can build.
---@param report molbuild.DoctorReport
---@param engine molbuild.Engine
---@param platforms string[]  those that are wanted; "native" for the engine's own
---@param native string?  the setting for that one
function doctor_engine.engine(report, engine, platforms, native)
  local server = check_reach(report, engine)
  if not server then return end
  local own = engine:platform()
  for _, platform in ipairs(own and platforms or {}) do
    check_platform(report, platform == "native" and own or platform, own, server, native)
  end
  report:try("engine's space", check_space, report, engine)
end

return doctor_engine

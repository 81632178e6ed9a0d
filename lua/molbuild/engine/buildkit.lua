--- What only BuildKit can do for a build: layers from elsewhere (--cache-from, --cache-to), and a builder of buildx's on
--- another machine (--builder). What the program's builder cannot do is refused by name, never ignored.
local builder = require "molbuild.engine.builder"
local demands = require "molbuild.engine.demands"
local errors = require "molbuild.base.errors"
local task = require "molbuild.base.task"
local text = require "molbuild.base.text"

local buildkit = {}

---@class molbuild.BuildKitOptions
---@field builder string?  the name of a builder of buildx's (docker buildx ls)
---@field cache_from string?  where layers are taken from: type=registry,ref=..., or an image; several with spaces between them
---@field cache_to string?  where layers are put: inline, or type=registry,ref=...; several with spaces between them

-- The options of a build that only BuildKit has, in the order in which they are checked.
local OPTIONS = { "builder", "cache_from", "cache_to" }

local function refuse(named, option, value, format, ...)
  errors.raise {
    kind = "usage", message = ('%s="%s" cannot be used: %s'):format(named[option] or option, text.shown(value), format:format(...)),
  }
end

-- Each entry as buildx writes it. A word alone is an image, except inline.
local function entries(value)
  local list = {}
  for word in value:gmatch "%S+" do
    list[#list + 1] = word == "inline" and "type=inline" or word
  end
  return list
end

-- An entry's type, and its image if it has no other attributes.
local function parsed(entry)
  if not entry:find("=", 1, true) then return nil, entry end
  local kind = ("," .. entry):match ",type=([^,]*)"
  local image = entry:match "^type=registry,ref=([^,]+)$" or entry:match "^ref=([^,]+),type=registry$"
  return kind, image
end

local function check_entries(named, option, value)
  for _, entry in ipairs(entries(value)) do
    local is_image = entry:find "^%w[%w%._%-/:@]*$" and option == "cache_from"
    if not is_image and not (parsed(entry) or ""):find "^%l+%d?$" then
      refuse(named, option, value, "write type=registry,ref=...%s", option == "cache_to" and ", or inline" or ", or an image")
    end
  end
end

-- BuildKit inside the program, before client 23, takes images alone, and its build argument puts the layers into the result.
local function built_in(options, named)
  local arguments = {}
  for _, entry in ipairs(options.cache_from and entries(options.cache_from) or {}) do
    local _, image = parsed(entry)
    if not image then
      refuse(named, "cache_from", entry, "docker without buildx takes type=registry,ref=... alone, without other attributes")
    end
    table.move({ "--cache-from", image }, 1, 2, #arguments + 1, arguments)
  end
  for _, entry in ipairs(options.cache_to and entries(options.cache_to) or {}) do
    if entry ~= "type=inline" then
      refuse(named, "cache_to", entry, "docker without buildx puts layers inline alone")
    end
    table.move({ "--build-arg", "BUILDKIT_INLINE_CACHE=1" }, 1, 2, #arguments + 1, arguments)
  end
  return arguments
end

local function with_buildx(options)
  local arguments = {}
  for _, pair in ipairs { { "cache_from", "--cache-from" }, { "cache_to", "--cache-to" } } do
    local value, name = options[pair[1]], pair[2]
    for _, entry in ipairs(value and entries(value) or {}) do
      -- An image alone would be one for either option.
      local image = not entry:find("=", 1, true) and "type=registry,ref=" .. entry
      table.move({ name, image or entry }, 1, 2, #arguments + 1, arguments)
    end
  end
  return arguments
end

--- The arguments of a build that only BuildKit takes. The program is not run.
---@param engine molbuild.Engine  whose builder() has been asked
---@param kind "buildkit"|"classic"  what builder() has said
---@param options molbuild.BuildKitOptions
---@param named table<string, string>?  by option: the name that messages use for it, such as a variable
---@return string[]
---@raise usage  the builder cannot do it; the message names the option
function buildkit.arguments(engine, kind, options, named)
  named = named or {}
  local is_asked = false
  for _, option in ipairs(OPTIONS) do
    local value = options[option]
    local why = value and builder.why_no_buildkit(engine, kind, option == "builder")
    if why then refuse(named, option, value, "%s", why) end
    is_asked = is_asked or value ~= nil
    if value and option ~= "builder" then check_entries(named, option, value) end
  end
  if not is_asked then return {} end
  if options.builder and not options.builder:find "^%w[%w._-]*$" then
    refuse(named, "builder", options.builder, "it is not the name of a builder (docker buildx ls)")
  end
  return engine.has_buildx and with_buildx(options) or built_in(options, named)
end

-- Before the clone -------------------------------------------------------------------------------------------------------

local INSPECT_SECONDS = 30 -- buildx itself gives a builder that does not answer 20 s

local function exports(options)
  for _, entry in ipairs(options.cache_to and entries(options.cache_to) or {}) do
    if entry ~= "type=inline" then return true end
  end
  return false
end

-- The builder must be there; the one inside an engine exports layers only where the engine stores images in containerd.
local function check_builder(engine, options, named)
  local argv = { "buildx", "inspect", options.builder }
  local result = engine:run(argv, { capture = 65536, silent = true, timeout = INSPECT_SECONDS })
  local said = result.code ~= 0 and require("molbuild.base.child").last_words(result):gsub("^ERROR: ", "") or nil
  if said and options.builder and said:find("no builder", 1, true) then
    refuse(named, "builder", options.builder, "%s (docker buildx ls shows those there are)", said)
  elseif not said and exports(options) and result.stdout:find "\nDriver: +docker\n" then
    local info = engine:run({ "info", "--format", "{{.DriverStatus}}" }, { capture = 65536, silent = true })
    if info.code == 0 and not info.stdout:find("io.containerd.snapshotter", 1, true) then
      refuse(named, "cache_to", options.cache_to, "the builder inside this engine puts layers inline alone; "
        .. "use inline, or name another builder (docker buildx create)")
    end
  end
end

--- Ask for the program's builder while something else is done. What the job asks of it that it cannot do is an error now.
---@param job table  with its engine, and the settings buildx_builder, build_cache_from, build_cache_to, and those of demands.check
---@return molbuild.Task  whose join() gives what Engine:builder() gives
---@raise usage
function buildkit.find(job)
  local asked = task.spawn(job.engine.builder, job.engine)
  local options = buildkit.options(job)
  if next(options) then
    local named = {
      builder = job.variables.buildx_builder, cache_from = job.variables.build_cache_from, cache_to = job.variables.build_cache_to,
    }
    buildkit.arguments(job.engine, asked:join(), options, named)
    if job.engine.has_buildx and (options.builder or exports(options)) then check_builder(job.engine, options, named) end
  end
  if demands.any(job) then demands.check(job.engine, asked:join(), job) end
  return asked
end

--- The options of a job's build that only BuildKit has.
---@param job table
---@return molbuild.BuildKitOptions
function buildkit.options(job)
  return { builder = job.buildx_builder, cache_from = job.build_cache_from, cache_to = job.build_cache_to }
end

return buildkit

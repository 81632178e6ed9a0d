--- What an engine holds: images with a label, containers, the space that all of it takes; and its removal. A run that builds
--- nothing, or only builds, does not load this file.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"

local stock = {}

-- Seconds: sizes are measured, and layers of several GB are removed.
local LONG = 600
local USUAL = 60
-- podman compares each image with each other one.
local LISTS = 300

---@class molbuild.StockImage
---@field id string  "sha256:..."
---@field tags string[]  its names, as the engine gives them
---@field digests string[]  its names with a digest
---@field labels table<string, string>
---@field created integer?  seconds since 1970
---@field size integer?  bytes, layers that other images share included
---@field parent string?  the id of the image that it was built from, where the engine knows it

---@class molbuild.StockContainer
---@field id string
---@field name string
---@field image string  the image's id
---@field created integer?  seconds since 1970
---@field state string?  "running", "exited", "created", ...
---@field labels table<string, string>

---@class molbuild.StockUsage
---@field images table<string, { size: integer?, shared: integer? }>  by image id; shared: bytes that other images also use
---@field layers integer?  bytes of all images, each layer once
---@field cache integer?  bytes of the build cache

--- Ask both back ends the question NAME: the API, or else the program.
local function ask(engine, seconds, name, ...)
  local given = table.pack(...)
  return engine:ask {
    seconds = seconds,
    api = function(api) return require("molbuild.engine.stock_api")[name](api, seconds, table.unpack(given, 1, given.n)) end,
    cli = function(cli)
      return require("molbuild.engine.stock_cli")[name](cli, engine.podman, table.unpack(given, 1, given.n))
    end,
  }
end

local function must(value, message, what)
  if value == nil then
    errors.raise { kind = "failed", message = ("%s: %s"):format(what, message or "the engine gave no usable answer") }
  end
  return value
end

--- The images that have a label, dangling ones too. Images that are only steps of other images are not listed.
---@param engine molbuild.Engine
---@param label string
---@return molbuild.StockImage[]
---@raise failed | missing_tool
function stock.images(engine, label)
  local list, message = ask(engine, LISTS, "images", label)
  return must(list, message, "the engine's images")
end

--- All containers, running or not, or those that have a label.
---@param engine molbuild.Engine
---@param label string?  "name", or "name=value"
---@return molbuild.StockContainer[]
---@raise failed | missing_tool
function stock.containers(engine, label)
  local list, message = ask(engine, USUAL, "containers", label)
  return must(list, message, "the engine's containers")
end

--- The space that images and the build cache take. Measuring it may take long: an engine that does not answer in time is no
--- failure.
---@param engine molbuild.Engine
---@return molbuild.StockUsage  without what the engine does not report
---@raise missing_tool  the engine cannot be reached
function stock.usage(engine)
  local ok, usage = errors.try(ask, engine, USUAL, "usage")
  if not ok and not usage.message:find("does not answer", 1, true) then error(usage, 0) end
  return ok and usage or { images = {} }
end

--- The bytes that are free on the file system where an engine keeps its images. An engine that reports only a directory must
--- run on this machine.
---@param engine molbuild.Engine
---@return integer? bytes  nil when that is not known
---@raise missing_tool
function stock.free(engine)
  local info = ask(engine, USUAL, "info")
  if not info then return nil end
  local is_here = info.name == core.sys.hostname() and not (engine.api and not engine.api.endpoint.unix_socket)
  local is_seen = is_here and info.root and core.fs.type(info.root) == "directory"
  return is_seen and core.fs.free_bytes(info.root) or info.free
end

---@class molbuild.Removal
---@field gone boolean?  there was no such image any more
---@field refused string?  why the engine did not remove it
---@field deleted boolean?  the image itself is gone, not only a name of it

--- Remove an image by its id, or one of its names. Never by force: the engine refuses to remove an id that has several names,
--- and the last name of an image that a container uses.
---@param engine molbuild.Engine
---@param ref string
---@param keeps_steps boolean?  the images that were only steps of its build stay: another build may be using them
---@return molbuild.Removal
---@raise missing_tool
function stock.remove(engine, ref, keeps_steps)
  local removal, message = ask(engine, LONG, "remove", ref, keeps_steps)
  return removal or { refused = message or "the engine gave no usable answer" }
end

--- Remove a container with its anonymous volumes; one that runs is killed. A container that is gone is a success.
---@param engine molbuild.Engine
---@param name string  or its id
---@return string? refused  why it may still be there
---@raise missing_tool
function stock.remove_container(engine, name)
  local done, message = ask(engine, USUAL, "remove_container", name)
  return not done and (message or "the engine gave no usable answer") or nil
end

--- Remove parts of the build cache that no build uses, until it has at most BYTES.
---@param engine molbuild.Engine
---@param bytes integer
---@return integer reclaimed  bytes
---@raise failed | missing_tool
function stock.prune_cache(engine, bytes)
  local reclaimed, message = ask(engine, LONG, "prune_cache", bytes)
  return must(reclaimed, message, "the engine's build cache")
end

return stock

--- The docker program (or podman), for everything that does not use the engine's API: all builds, and questions that
--- engine/api.lua cannot ask. It has the same functions as engine/api.lua.
local child = require "molbuild.base.child"

local cli = {}

local INSPECT_MAX = 4 * 1024 * 1024

--- Texts of the program about an engine that it cannot reach. A build's output is never searched for them.
local UNREACHABLE = {
  "Cannot connect to the Docker daemon", "error during connect", "Is the docker daemon running",
  "permission denied while trying to connect", "dial unix", "failed to connect to the docker API",
  "unable to resolve docker endpoint", "check your TLS client certification settings", "Cannot connect to Podman",
  "unable to connect to Podman",
}

--- The texts of docker, and of podman, for a missing image.
local ABSENT = { "No such image", "image not known" }

local function finds(text, list)
  for _, words in ipairs(list) do
    if text:find(words, 1, true) then
      return true
    end
  end
  return false
end

--- Run the program.
---@param command string
---@param arguments string[]
---@param more table?  options of child.run
---@return table result
function cli.run(command, arguments, more)
  local argv = table.move(arguments, 1, #arguments, 2, { command })
  local options = { argv = argv, timeout = 60 }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  options.env = { DOCKER_CLI_HINTS = "false", SSH_ASKPASS_REQUIRE = "never" } -- ssh must not open a window
  for name, value in pairs(more and more.env or {}) do options.env[name] = value end
  return child.run(options)
end

---@class molbuild.EngineCli
---@field command string
---@field timeout number  seconds for the next question
local Cli = {}
Cli.__index = Cli

---@param command string
---@return molbuild.EngineCli
function cli.connect(command)
  return setmetatable({ command = command, timeout = 60 }, Cli)
end

--- Run the program for a question.
function Cli:ask(arguments, capture)
  return cli.run(self.command, arguments, { capture = capture, silent = true, timeout = self.timeout })
end

--- nil, message of a failed run, with a code when the engine cannot be reached. The program has many texts for that, among them
--- those of ssh: whether an engine answers is asked, unless the text is a well-known one.
function Cli:failure(what, result)
  local words = child.last_words(result)
  if finds(result.tail, UNREACHABLE) or not self:ping(self.timeout) then
    return nil, words, "connect"
  end
  return nil, ("%s %s: %s"):format(self.command, what, words)
end

--- The engine's description of an image: see engine/api.lua.
---@param ref string
---@return table? image
---@return string? message
---@return string? code
function Cli:image(ref)
  local result = self:ask({ "image", "inspect", ref }, INSPECT_MAX)
  if result.code == 0 then
    local answer = require("molbuild.base.json").decode(result.stdout)
    local image = type(answer) == "table" and answer[1]
    return image or nil, not image and "the engine gave no usable answer" or nil
  elseif finds(result.tail, ABSENT) then
    return nil
  end
  return self:failure("image inspect", result)
end

--- The images that have a label: see engine/api.lua. The program's list has no labels.
---@param label string
---@return table[]? images
---@return string? message
---@return string? code
function Cli:labelled(label)
  local listed = self:ask({ "images", "--quiet", "--no-trunc", "--filter", "label=" .. label }, INSPECT_MAX)
  local arguments, seen = { "image", "inspect" }, {}
  if listed.code ~= 0 then
    return self:failure("images", listed)
  end
  for id in listed.stdout:gmatch "%S+" do
    arguments[#arguments + 1] = not seen[id] and id or nil
    seen[id] = true
  end
  if #arguments == 2 then
    return {}
  end
  local result = self:ask(arguments, INSPECT_MAX)
  -- An image that was removed in between is reported, and those that are there are described.
  local is_answer = result.code == 0 or finds(result.tail, ABSENT)
  local answer = is_answer and require("molbuild.base.json").decode(result.stdout)
  if type(answer) == "table" then
    return answer
  end
  return self:failure("image inspect", result)
end

--- The engine's versions and platform: see engine/api.lua. podman without a service is its own engine, and reports its
--- platform as the client's.
---@return table? version
---@return string? message
---@return string? code
function Cli:server()
  local result = self:ask({ "version", "--format", "{{json .}}" }, INSPECT_MAX)
  if result.code ~= 0 then
    return self:failure("version", result)
  end
  local answer = require("molbuild.base.json").decode(result.stdout)
  answer = type(answer) == "table" and answer or {}
  local server = type(answer.Server) == "table" and answer.Server or answer.Client
  if type(server) ~= "table" then
    return nil, "the engine gave no usable answer"
  end
  local system, architecture = tostring(server.OsArch):match "^([^/]+)/([^/]+)"
  return {
    Os = server.Os or system, Arch = server.Arch or architecture, Version = server.Version, KernelVersion = server.KernelVersion,
  }
end

--- Whether the engine answers: see engine/api.lua.
---@param timeout number  seconds
---@return boolean? there
---@return string? message
---@return string? code
function Cli:ping(timeout)
  self.timeout = timeout
  local result = self:ask { "version" }
  if result.code == 0 then
    return true
  end
  return nil, child.last_words(result), "connect"
end

--- Tag an image: see engine/api.lua.
---@param ref string
---@param alias string
---@return boolean? done
---@return string? message
---@return string? code
function Cli:tag(ref, alias)
  local result = self:ask { "tag", ref, alias }
  if result.code == 0 then
    return true
  end
  return self:failure("tag", result)
end

return cli

--- Errors about an engine that gives no answer: the program's message in short, and what to do.
local endpoint = require "molbuild.engine.endpoint"
local errors = require "molbuild.base.errors"

local unreachable = {}

local function service(podman)
  return podman and "podman service" or "Docker Engine"
end

--- The docker program connects to ssh:// by ssh. The end of the long message about that is what ssh printed. Docker 20
--- separates HOST from ssh's options by "--".
local SSH_COMMAND = "command %[ssh .-(%S+) docker .-system dial%-stdio%] has exited with (.-), .*stderr=(.*)$"

local function shortened(message)
  local host, status, said = message:match(SSH_COMMAND)
  if not host then return message end
  return ("ssh to %s: %s"):format(host, said:find "%S" and said or status)
end

--- Hints for an engine behind ssh, by what ssh (or podman, which has an ssh of its own) prints. The last field: whether the same
--- call may succeed later without a change on this side.
local KEYS = "the server accepts none of the keys that ssh offered: "
local SSH = {
  { "Permission denied %(", KEYS .. "check ssh-add -l, and try ssh -v; set another key in ~/.ssh/config" },
  { "unable to authenticate", KEYS .. "name one with CONTAINER_SSHKEY, or add it to an agent (ssh-add)" },
  { "read identity", "name the file of an existing key with CONTAINER_SSHKEY" },
  { "Host key verification failed", "ssh does not know the server's key: verify it, and accept it by connecting once with ssh" },
  { "knownhosts: ", "ssh does not know the server's key: verify it, and accept it by connecting once with ssh" },
  { "not found$", "the program is missing on that machine, for the user that ssh logs in as: install it there" },
  { "connection is not valid", "the form is ssh://USER@HOST:PORT" },
}

local function ssh_hint(message, podman)
  for _, row in ipairs(SSH) do
    if message:find(row[1]) then return row[2], false end
  end
  if podman then
    return "check that its socket is there on that machine, and that ssh reaches it", true
  end
  return "check that the engine runs there: ssh USER@HOST docker version", true
end

--- Whether the program reaches its engine through ssh.
local function is_behind_ssh(command)
  local kind = command:match "[^/]*$"
  local ok, place = pcall(endpoint.place, endpoint.knows(kind) and kind or "docker")
  return ok and (place.host or ""):find "^ssh://" ~= nil
end

--- What to do, by the message; and whether the same call may succeed later without a change on this side, for example after
--- the engine's restart.
local function hint(engine, message)
  if message:find("permission denied", 1, true) then
    return "get access to it (id -nG should list its group)", false
  elseif message:find("certificat", 1, true) or message:find(".pem", 1, true) then
    return "check the files ca.pem, cert.pem and key.pem of DOCKER_CERT_PATH or of the context", false
  elseif message:find('context "', 1, true) then
    return "name an existing context (docker context ls), or set DOCKER_HOST", false
  elseif is_behind_ssh(engine.command) then
    return ssh_hint(message, engine.podman)
  elseif engine.podman then
    return "start it (for example: sudo systemctl start podman.socket), or set CONTAINER_HOST to a running one", true
  end
  return "start it (for example: sudo systemctl start docker), or set DOCKER_HOST to a running one", true
end

--- An engine that cannot be reached.
---@param engine molbuild.Engine
---@param message string  the program's
---@return molbuild.Error
function unreachable.error(engine, message)
  local advice, may_return = hint(engine, message)
  return errors.new {
    kind = "missing_tool",
    retry = may_return,
    message = ("the %s cannot be reached: %s"):format(service(engine.podman), shortened(message)),
    hint = advice,
  }
end

--- An engine that accepts a question and gives no answer.
---@param engine molbuild.Engine
---@param message string
---@return molbuild.Error
function unreachable.stuck(engine, message)
  return errors.new {
    kind = "missing_tool",
    message = ("the %s does not answer: %s"):format(service(engine.podman), message),
    hint = engine.podman and "check its state, or restart it (for example: sudo systemctl restart podman.socket podman)"
      or "check its state, or restart it (for example: sudo systemctl restart docker)",
  }
end

return unreachable

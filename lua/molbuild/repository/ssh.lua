--- The programs that git connects through: ssh, and proxies of git's own protocol. The user's choice is kept, with git's
--- own precedence, and the bounds for git do not apply to them.
local env = require "molbuild.base.env"

local ssh = {}

--- Lifts the bounds that git is started with. The user's command follows, for a shell, as git runs it.
local LIFT = 'ulimit -S -d "$(ulimit -H -d)"; unset GIT_ALLOC_LIMIT; '

--- The program names that git checks to find out which options a program accepts.
local VARIANTS = { ssh = "ssh", plink = "plink", putty = "putty", tortoiseplink = "tortoiseplink" }

--- The user's settings, read once: { ["core.sshcommand"] = "...", ... }.
local settings

--- The output of git config (-z, --get-regexp) as a table; of several values, the last one.
---@param text string
---@return table<string, string>
function ssh.parse(text)
  local found = {}
  for name, value in text:gmatch "([^\n%z]+)\n([^%z]*)%z" do
    found[name] = value
  end
  return found
end

--- The arguments of the git command that prints them.
ssh.QUESTION = { "config", "-z", "--get-regexp", [[^(core\.sshcommand|ssh\.variant|core\.gitproxy)$]] }

local function quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- The first word of a command, without its directory and extension: git identifies the program by it.
local function program_of(command)
  local word = command:match "^%s*'([^']*)'" or command:match '^%s*"([^"]*)"' or command:match "^%s*(%S+)" or ""
  return (word:match "([^/]*)$":lower():gsub("%.exe$", ""))
end

--- The command for ssh, in git's order of precedence; molbuild's own when the user sets none: it never prompts.
local function command_of(config)
  local command = env.get "GIT_SSH_COMMAND" or config["core.sshcommand"]
  if command and command ~= "" then
    return command, program_of(command)
  end
  local program = env.get "GIT_SSH"
  if program then
    return quoted(program), program_of(quoted(program))
  end
  return "exec ssh -oBatchMode=yes", "ssh"
end

--- Add to ENV what a command needs that connects through ssh.
---@param variables table<string, string>
---@param config table<string, string>  as of ssh.parse
function ssh.add(variables, config)
  local command, program = command_of(config)
  variables.GIT_SSH_COMMAND = LIFT .. command
  -- git checks the first word of the command, which is molbuild's now. It tests other programs by running the whole command.
  if not env.get "GIT_SSH_VARIANT" and not config["ssh.variant"] then
    variables.GIT_SSH_VARIANT = VARIANTS[program]
  end
  -- The user's command may prompt: there is no terminal, and it must not open a window.
  variables.SSH_ASKPASS_REQUIRE = "never"
end

--- Whether the user has set a program for git's own protocol.
---@param config table<string, string>
---@return boolean
function ssh.has_proxy(config)
  return (env.get "GIT_PROXY_COMMAND" or config["core.gitproxy"]) ~= nil
end

--- The user's settings for a URL that is reached through such a program; none for others. They are read once.
---@param scheme string
---@param ask fun(): string  runs git with QUESTION
---@return table<string, string>
function ssh.settings(scheme, ask)
  if scheme ~= "ssh" and scheme ~= "git" then
    return {}
  end
  settings = settings or ssh.parse(ask())
  return settings
end

return ssh

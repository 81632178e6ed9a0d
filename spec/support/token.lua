--- The world of a spec about the token: a forge that wants one, molbuild run with it, and what is seen of it afterwards.
local sh = require "spec.support.sh"
local world = require "spec.support.world"

--- Base64 by another program than ours.
local function base64(text)
  return sh.run("printf %s " .. sh.quote(text) .. " | base64 -w 0")
end

--- The characters of base64 that depend only on the token, after a number of other bytes.
local function inside(token, skipped)
  local text = base64(("x"):rep(skipped) .. token)
  return text:sub((skipped * 8 + 5) // 6 + 1, (skipped + #token) * 8 // 6)
end

--- What a token must not be found as: raw, percent-encoded (what must be, in both cases, and all of it), base64 at each
--- alignment, base64 with the user name.
local function forms(token)
  local function percent(pattern, format)
    return (token:gsub(pattern, function(character) return format:format(character:byte()) end))
  end
  return {
    token, percent("[^%w]", "%%%02X"), percent("[^%w]", "%%%02x"), percent(".", "%%%02X"), percent(".", "%%%02x"),
    inside(token, 0), inside(token, 1), inside(token, 2), (base64("oauth2:" .. token):gsub("=+$", "")),
  }
end

---@class spec.TokenWorld
---@field w table  as of world.new
---@field token string  what the forge wants for its private repositories
---@field words string  a file with each form of it
---@field other table?  a second forge, after second_forge()
local methods = {}
methods.__index = methods

local token = { base64 = base64, forms = forms }

--- A new world; its parts are closed by close().
---@return spec.TokenWorld
function token.world()
  local self = setmetatable({ w = world.new() }, methods)
  -- With characters that are encoded in a URL.
  self.token = "tok/en+%_" .. self.w.token:sub(-12)
  sh.write(self.w.forge .. "/token", self.token .. "\n")
  self.words = self.w.dir .. "/forms"
  sh.write(self.words, table.concat(forms(self.token), "\n") .. "\n")
  return self
end

function methods:close()
  world.remove_images()
  self.w:close()
  if self.other then self.other:close() end
end

--- Run molbuild with SECRETS in its environment, which are in no process's arguments but are exported by a script.
function methods:run(arguments, secrets, env)
  local lines = {}
  for name, value in pairs(secrets) do lines[#lines + 1] = ("export %s=%s"):format(name, sh.quote(value)) end
  lines[#lines + 1] = 'exec "$@"'
  sh.write(self.w.dir .. "/script", table.concat(lines, "\n") .. "\n")
  return self.w:run(arguments, env, {
    prefix = { "sh", self.w.dir .. "/script" }, stdout = self.w.dir .. "/stdout", stderr = self.w.dir .. "/stderr",
  })
end

--- The same, with the token.
function methods:run_with(arguments, env)
  return self:run(arguments, { MOLECULE_GITEA_TOKEN = self.token }, env)
end

--- A policy of all but the build, which has no part in what is asked here. Gives its path.
function methods:fetching()
  return self.w:fetch_policy()
end

--- Run that policy. SECRETS: the token when absent.
function methods:fetch(env, runtime, secrets)
  return self:run({ "run", self:fetching(), runtime or "claude-code" }, secrets or { MOLECULE_GITEA_TOKEN = self.token }, env)
end

--- The environment for the forge's private repositories, with MORE in it.
function methods:private(more)
  local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = self.w.http .. "/private/t-" }
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

function token.tag_of(sha)
  return "molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12)
end

--- The files below these paths that hold the token in any form.
function methods:found(...)
  return sh.run(("grep -r -a -l -F -f %s -- %s || test $? = 1"):format(self.words, table.concat({ ... }, " ")))
end

--- A second forge, with what the first one has.
function methods:second_forge()
  local other = world.new()
  sh.run(("cp -r %s/repos/. %s/repos/"):format(self.w.forge, other.forge))
  sh.write(other.forge .. "/token", self.token .. "\n")
  self.other = other
  return other
end

--- The requests at a forge that bore a token, and all that there were.
function token.bearing(at)
  local all, with = at:requests "\t", {}
  for _, line in ipairs(all) do
    if line:match "^[^\t]*\t[^\t]*\t[^\t]*\t[^\t]*\t[^\t]*\t[^\t]*\tyes\t" then with[#with + 1] = line end
  end
  return with, all
end

function token.redirect(status, target)
  return ("Status: %d Moved\r\nLocation: %s\r\n\r\n"):format(status, target)
end

--- Put a program before the real one; gives a value for PATH. BODY is shell.
function methods:shim(name, body)
  local bin = self.w.dir .. "/bin"
  sh.run("mkdir -p " .. bin)
  sh.write(bin .. "/" .. name, ("#!/bin/sh\nPATH=%s\n%s\nexec %s \"$@\"\n"):format(
    sh.quote(os.getenv "PATH"), body, name))
  sh.run("chmod +x " .. bin .. "/" .. name)
  return bin .. ":" .. os.getenv "PATH"
end

return token

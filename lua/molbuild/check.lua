--- `molbuild check`: what is wrong with policies, without running them. Each is compiled and loaded; its steps are not called.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local environment = require "molbuild.policy.environment"
local findings = require "molbuild.policy.findings"
local script = require "molbuild.script"
local uses = require "molbuild.policy.uses"

local check = {}

-- Loading ended with an error: a finding at the line that the message begins with, where it begins with one of the file.
local function finding_of(failure, path)
  if failure.kind ~= "bug" then error(failure, 0) end
  local message = failure.message
  if message:sub(1, #path + 1) == path .. ":" then
    local line, rest = message:sub(#path + 2):match "^(%d+): (.*)$"
    if line then return { line = math.tointeger(line), message = rest } end
  end
  return { line = 1, message = message }
end

-- What code names, of all policies that were loaded since the list had SO_MANY.
local function uses_since(so_many)
  local all = {}
  for index = so_many + 1, #script.loaded do
    local list = uses.of(script.loaded[index].chunk)
    table.move(list, 1, #list, #all + 1, all)
  end
  return all
end

local function checked(policy, own, root, all, library)
  return {
    policy = policy, name = (getmetatable(policy) or {}).__name or "policy", uses = own, root = root and root[1], all_uses = all,
    library = library, library_names = getmetatable(library).known(),
    globals = environment.names(script.globals(library)),
  }
end

--- The findings for one policy.
---@param name string  as of script.find
---@param library table  the module molbuild
---@return molbuild.Finding[]
---@return string path
---@raise usage  there is no such file
function check.policy(name, library)
  local path = script.find(name)
  local so_many = #script.loaded
  local ok, failure = xpcall(script.load, errors.handler, path, library)
  if not ok then
    return { finding_of(failure, path) }, path
  end
  local own, root = uses.of(script.loaded[#script.loaded].chunk)
  return findings.of(checked(failure, own, root, uses_since(so_many), library)), path
end

--- The findings for a policy that has been loaded, and for those that it loads to change them: one entry for each file.
---@param policy table
---@param library table  the module molbuild
---@return { path: string, api: integer?, newest: integer, findings: molbuild.Finding[] }[]  in the order of loading
function check.loaded(policy, library)
  local list = {}
  for _, entry in ipairs(script.loaded) do
    if entry.policy == policy then
      local own, root = uses.of(entry.chunk)
      list[#list + 1] = {
        path = entry.path, api = rawget(policy, "api"), newest = script.API,
        findings = findings.of(checked(policy, own, root, uses_since(0), library)),
      }
    end
  end
  return list
end

-- The first finding of a policy that was just loaded.
local function first_finding(policy, library)
  for _, entry in ipairs(check.loaded(policy, library)) do
    if entry.findings[1] then return entry.path, entry.findings[1], #entry.findings end
  end
end

--- Load the policy of this run again. It counts only if nothing is found in it: else the former one stays.
---@param library table
---@return table policy
---@return fun(): { name: string, sha256: string } identity  as of script.identity
---@raise usage | bug
function check.reload(library)
  return script.afresh(function()
    local policy = script.load(script.main, library)
    local path, finding, count = first_finding(policy, library)
    if finding then
      errors.raise {
        kind = "bug", message = ("%s:%d: %s%s"):format(path, finding.line, finding.message,
          count > 1 and (" (molbuild check %s has %d findings)"):format(path, count) or ""),
      }
    end
    local identity = script.identity()
    script.keep_files()
    return policy, identity
  end)
end

local function as_json(path, finding)
  local encode = require "molbuild.progress.encode"
  return encode.object({ file = path, line = finding.line, message = finding.message }, { "file", "line", "message" })
end

--- Check policies, and write the findings to stdout, one per line.
---@param list string[]
---@param json boolean?
---@param library table
---@return integer status  1 with a finding
---@raise usage
function check.main(list, json, library)
  if #list == 0 then
    errors.raise { kind = "usage", message = "no policy named", hint = "molbuild check [--output=json] FILE..." }
  end
  local lines = {}
  for _, name in ipairs(list) do
    local found, path = check.policy(name, library)
    for _, finding in ipairs(found) do
      lines[#lines + 1] = (json and as_json(path, finding) or ("%s:%d: %s"):format(path, finding.line, finding.message)) .. "\n"
    end
  end
  errors.must(core.sys.write(1, table.concat(lines)))
  return #lines > 0 and 1 or 0
end

return check

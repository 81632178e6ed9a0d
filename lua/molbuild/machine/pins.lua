--- `molbuild pin`: the commits of now, in a file that people review and that later runs build from (manifest.lua).
local core = require "molbuild.core"
local encode = require "molbuild.progress.encode"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local manifest = require "molbuild.machine.manifest"
local maps = require "molbuild.base.maps"
local record = require "molbuild.machine.record"
local rows = require "molbuild.base.rows"
local short = require("molbuild.base.sha").short
local task = require "molbuild.base.task"
local text = require "molbuild.base.text"

local pins = {
  --- The file, when none is named.
  FILE = "molbuild.pins.json",
}

-- The file ----------------------------------------------------------------------------------------------------------

local FIELDS = { "runtime", "repository", "branch", "commit", "images", "inputs" }

-- One line for each value, so that a change is one line of a review.
local function object_of(pin)
  local lines = {}
  for _, name in ipairs(FIELDS) do
    local value = pin[name]
    if type(value) ~= "table" then
      lines[#lines + 1] = value and ("      %s: %s"):format(encode.value(name), encode.value(value)) or nil
    elseif next(value) then
      local inner = {}
      for index, key in ipairs(maps.keys(value)) do
        inner[index] = ("        %s: %s"):format(encode.value(key), encode.value(value[key]))
      end
      lines[#lines + 1] = ("      %s: {\n%s\n      }"):format(encode.value(name), table.concat(inner, ",\n"))
    end
  end
  return "    {\n" .. table.concat(lines, ",\n") .. "\n    }"
end

--- The text of a file.
---@param list table[]  pins: runtime, repository, branch, commit; images: ids by reference; inputs: values by file
---@return string
function pins.text(list)
  local sorted, objects = table.move(list, 1, #list, 1, {}), {}
  table.sort(sorted, function(a, b) return a.runtime < b.runtime end)
  for index, pin in ipairs(sorted) do objects[index] = object_of(pin) end
  return ('{\n  "version": %d,\n  "pins": [\n%s\n  ]\n}\n'):format(manifest.VERSION, table.concat(objects, ",\n"))
end

local function text_map(value)
  local map = {}
  for key, item in pairs(type(value) == "table" and value or {}) do
    if type(key) == "string" and type(item) == "string" then map[key] = item end
  end
  return map
end

local function text_of(value)
  return type(value) == "string" and value or nil
end

-- The pins of a file, by runtime; none when there is no file. A file of another kind is not overwritten.
local function former_pins(path)
  local former = {}
  if not core.fs.type(path) then return former end
  local found = manifest.read(path)
  if not found.own then
    errors.raise {
      kind = "usage", message = path .. ": `molbuild pin` has not written this file, and does not replace it",
      hint = "name another file with --file",
    }
  end
  for _, entry in ipairs(found.entries) do
    former[entry.runtime] = {
      runtime = entry.runtime, repository = entry.repository, commit = entry.commit, branch = text_of(entry.pin.branch),
      images = text_map(entry.pin.images), inputs = text_map(entry.pin.inputs),
    }
  end
  return former
end

-- The directory of a new file must exist; a link leads to the file that is replaced, and that one's mode stays.
local function write(path, content)
  local real = core.fs.realpath(path)
  local stat = real and core.fs.lstat(real)
  local ok, message, code = core.fs.write_atomic(real or path, content, stat and stat.mode)
  if not ok then
    errors.raise { kind = errors.hint(code) and "failed" or "usage", code = code, message = message, hint = errors.hint(code) }
  end
end

-- A pin -------------------------------------------------------------------------------------------------------------

-- The id of the image on this machine. Pins can be written where no engine is.
local function image_of(policy, job)
  local ok, found = errors.try(policy.cached, job)
  if not ok then
    log.warn_once("the images of this machine are not known: %s", tostring(found))
    return nil
  end
  return found and job.image_id or nil
end

-- The pin of a runtime. What is known of the same commit from other machines and platforms stays.
local function pin_of(policy, runtime, former)
  local job = policy.job(runtime)
  if job.registry then
    errors.raise { kind = "usage", message = "registry mode builds nothing: there is no commit to pin" }
  end
  task.scope().runtime = runtime
  job.manifest, job.head_max_age = nil, 0 -- the branch of now decides, not a former pin
  job.target_platform = job.platform == "native" and policy.engine_platform(job) or job.platform
  job.alias = policy.latest(job)
  job.sha = policy.head(job)
  job.tag = policy.tag(job)
  local id, made = image_of(policy, job), record.read(record.path(job.cache, runtime, job.tag))
  local same = former and former.commit == job.sha and former or {}
  return {
    runtime = runtime, repository = core.mask.url(job.repo_url), branch = job.branch, commit = job.sha,
    images = maps.merged(same.images, { [job.tag] = id }),
    inputs = maps.merged(same.inputs, made and made.commit == job.sha and made.inputs or nil),
  }, job
end

-- The differences -----------------------------------------------------------------------------------------------------

local function map_differences(list, before, after, shown)
  local names, seen = {}, {}
  for _, map in ipairs { before, after } do
    for name in pairs(map) do
      names[#names + 1] = not seen[name] and name or nil
      seen[name] = true
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local from, to = before[name], after[name]
    if from ~= to then
      list[#list + 1] = ("%s %s -> %s"):format(name, from and shown(from) or "none", to and shown(to) or "none")
    end
  end
end

local function short_id(id)
  return short(id:gsub("^sha256:", ""))
end

-- What a pin changes: one word, and the details for a review.
local function difference(before, after)
  local list = {}
  if not before then return "new", "" end
  for _, name in ipairs { "repository", "branch" } do
    if before[name] and before[name] ~= after[name] then
      list[#list + 1] = ("%s %s -> %s"):format(name, text.shown(before[name]), after[name])
    end
  end
  if before.commit ~= after.commit then
    list[#list + 1] = ("commit %s -> %s"):format(short(before.commit), short(after.commit))
  end
  map_differences(list, before.inputs, after.inputs, text.shown)
  if before.commit == after.commit then map_differences(list, before.images, after.images, short_id) end
  local word = before.commit ~= after.commit and "moved" or #list > 0 and "changed" or "same"
  return word, table.concat(list, "; ")
end

local function names_of(policy, words, former)
  words = #words > 0 and words or maps.keys(former)
  return policy.names(#words > 0 and words or { "--all" })
end

--- Write the pins, unless the file has this text already.
---@param path string
---@param all table<string, table>  by runtime
---@param list molbuild.Rows  gets a note
---@param variable string  the variable that a run takes the file from
local function save(path, all, list, variable)
  local pinned = {}
  for _, pin in pairs(all) do pinned[#pinned + 1] = pin end
  local content = pins.text(pinned)
  if core.fs.read(path, manifest.MAX) == content then
    list:note(path .. " is unchanged")
  else
    write(path, content)
    list:note(("%s is written: use it with %s=%s"):format(path, variable, path))
  end
end

--- Write the commits of now into a file, and give what changes, one row for each runtime. Pins of other runtimes stay.
---@param policy table  its steps are used
---@param words string[]  runtimes, or --all; when empty those of the file, else all
---@param path string?
---@return molbuild.Rows
---@raise usage  the file is not one of `molbuild pin`; and as the policy's steps raise: then nothing is written
function pins.update(policy, words, path)
  path = path or pins.FILE
  local former = former_pins(path)
  local names, optional = names_of(policy, words, former)
  local variable
  local list = rows.new { columns = { { "runtime" }, { "change" }, { "commit", shown = short }, { "details" } } }
  local all = maps.merged(former)
  local made = task.map(names, {}, function(runtime)
    local ok, pin, job = pcall(pin_of, policy, runtime, former[runtime])
    if ok then return { pin = pin, job = job } end
    if not (optional or {})[runtime] or not errors.is(pin, "not_found") then error(pin, 0) end
    log.warn("skipped: %s", pin.message)
    return {}
  end)
  for _, one in ipairs(made) do
    local pin = one.pin
    if pin then
      local change, details = difference(former[pin.runtime], pin)
      all[pin.runtime], variable = pin, one.job.variables.manifest
      list:add {
        runtime = pin.runtime, change = change, commit = pin.commit, details = details ~= "" and details or nil,
        former_commit = former[pin.runtime] and former[pin.runtime].commit, repository = pin.repository, branch = pin.branch,
        image = one.job.tag, image_id = one.job.image_id,
      }
    end
  end
  if variable then save(path, all, list, variable) end
  return list
end

return pins

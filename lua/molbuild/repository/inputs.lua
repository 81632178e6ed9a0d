--- Files of a template that become build arguments, such as `.runtime-version`. Without them, a commit that changes only
--- such a file would get a new tag, but the old layers from the builder's cache.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local maps = require "molbuild.base.maps"
local shown = require("molbuild.base.text").shown

local inputs = {}

local FILE_MAX = 4096 -- bytes

-- Each input gets a label with the argument's name: RUNTIME_VERSION is app.molecule.runtime-version.
local function label_of(argument)
  return "app.molecule." .. argument:lower():gsub("_", "-")
end

--- The version in a file's text: its first line without white space, the part after the last "@", without a leading "v".
---@param text string
---@return string? version  nil: the first line is empty, or contains no version
---@return string? line  the text that is not a version
function inputs.version(text)
  local line = text:gsub("^\u{FEFF}", ""):match "^[^\n]*":gsub("%s", "")
  if line == "" then
    return nil
  end
  local version = line:match "[^@]*$":gsub("^[vV](.)", "%1")
  if version:find "^%d[%w.+_-]*$" then
    return version
  end
  return nil, line
end

-- The text of a declared file; nil, and the reason if the file exists but is not used.
local function read(dir, file)
  local path = dir .. "/" .. file
  local stat, message, code = core.fs.lstat(path)
  if not stat then
    local absent = code == "ENOENT" or code == "ENOTDIR"
    return nil, not absent and message or nil
  elseif stat.type ~= "file" then
    return nil, "it is not a regular file"
  elseif stat.size > FILE_MAX then
    return nil, ("it has %d bytes; at most %d are allowed"):format(stat.size, FILE_MAX)
  elseif core.fs.realpath(path) ~= (core.fs.realpath(dir) or dir) .. "/" .. file then
    return nil, "a directory on its path is a link" -- it may lead out of the tree
  end
  return core.fs.read(path, FILE_MAX)
end

local function value_of(dir, file)
  local text, why = read(dir, file)
  if not text then
    return nil, why
  end
  local version, line = inputs.version(text)
  return version, line and ('"%s" is not a version'):format(shown(line)) or nil
end

local function mistake(format, ...)
  errors.raise { kind = "bug", message = "inputs: " .. format:format(...) }
end

-- The declared files in order. An invalid entry is an error: it would have no effect otherwise.
local function sorted(declared)
  local files = {}
  for file, name in pairs(declared or {}) do
    if type(file) ~= "string" or type(name) ~= "string" then
      mistake('write ["FILE"] = "ARGUMENT", not [%s] = %s', shown(file), shown(name))
    elseif not name:find "^[%a_][%w_]*$" then
      mistake('"%s" is not the name of a build argument', shown(name))
    elseif ("/" .. file .. "/"):find "/%.?%.?/" then
      mistake('"%s" is not a path in the tree, such as .runtime-version or conf/version', shown(file))
    end
    files[#files + 1] = file
  end
  table.sort(files)
  return files
end

--- The inputs that a tree declares. A missing or empty file is skipped; a warning names a file that cannot be used.
---@param dir string  a checked tree
---@param declared table<string, string>?  the build argument for each file, by its path in the tree
---@return table<string, string> values  by file
---@raise bug  a declared file is not a path in the tree, or an argument is not a valid name
function inputs.read(dir, declared)
  local values = {}
  for _, file in ipairs(sorted(declared)) do
    local value, why = value_of(dir, file)
    if why then
      log.warn("%s of the template cannot set the build argument %s: %s", shown(file), declared[file], why)
    end
    values[file] = value
  end
  return values
end

--- The build arguments including the inputs, and a label for each input. An argument that is already set overrides.
---@param declared table<string, string>?  as for inputs.read
---@param values table<string, string>  as of inputs.read
---@param build_args table<string, string>
---@return table<string, string> build_args
---@return table<string, string> labels
function inputs.apply(declared, values, build_args)
  local all, labels = maps.merged(build_args), {}
  for _, file in ipairs(sorted(declared)) do
    local name, value = declared[file], values[file]
    if value and not build_args[name] then
      log.info("%s=%s from %s", name, value, file)
      all[name] = value
    elseif value and build_args[name] ~= value then
      log.info("%s=%s from the policy, not %s from %s", name, shown(build_args[name]), value, file)
    end
    labels[label_of(name)] = all[name]
  end
  return all, labels
end

--- A text that says which declared input an image was built with, where the policy sets it to another value now; nil when there
--- is none. An image without the label is accepted, as one that was built by hand.
---@param declared table<string, string>?  as for inputs.read
---@param build_args table<string, string>  those of the policy
---@param labels table<string, string>  of the image
---@param own table<string, string>?  labels of the policy, which override those of inputs
---@return string?
function inputs.mismatch(declared, build_args, labels, own)
  for _, file in ipairs(sorted(declared)) do
    local name = declared[file]
    local label, wanted = label_of(name), build_args[name]
    local is = labels[label]
    if wanted and type(is) == "string" and is ~= wanted and not (own and own[label]) then
      return ("it was built with %s=%s, not %s"):format(name, shown(is), shown(wanted))
    end
  end
end

return inputs

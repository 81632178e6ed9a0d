--- The options of `run`, as they change a job.
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local names = require "molbuild.base.names"
local sha = require "molbuild.base.sha"
local text = require "molbuild.base.text"

local choices = {}

local function refuse(format, ...)
  errors.raise { kind = "usage", message = format:format(...) }
end

-- The first option that is given of some.
local function first(options, of)
  for _, name in ipairs(of) do
    if options[name] then return name:gsub("_", "-") end
  end
end

-- What a single runtime alone can have: a commit, and a working tree, are those of one repository.
local function check(self, options, asked)
  local single = first(options, { "commit", "dir" })
  local other = options.dir and first(options, { "branch", "commit" })
  if self.registry then
    local name = next(options)
    refuse("option --%s has no effect in registry mode: nothing is built", (name:gsub("_", "-")))
  elseif other then
    refuse("the options --dir and --%s exclude each other: a working tree is built as it is", other)
  end
  if self.manifest and options.branch then
    refuse("option --branch has no effect with %s: the file names the commit", self.variables.manifest)
  end
  for _, name in ipairs(single and asked or {}) do
    if name ~= self.runtime then
      refuse("option --%s is for one runtime, and %s is requested, too", single, name)
    end
  end
end

local function commit_of(word)
  local id = word:lower()
  if not sha.is(id) then
    refuse('option --commit: "%s" is not a whole commit id of 40 or 64 hex digits', text.shown(word))
  end
  return id
end

-- The label and the addresses of a file URL have no blanks.
local function url_of(directory)
  return "file://" .. directory:gsub("[^%w._~/+-]", function(character) return ("%%%02X"):format(character:byte()) end)
end

-- Whether a job's image is built from images of this machine, which no registry has.
local function is_on_others(self)
  local needed = next(self.needs or {}) ~= nil
  if needed then log.warn("the base images of %s are not fetched: it is built from images of this machine", self.runtime) end
  return needed
end

--- Give a job what the options ask for.
---@param self table  the job
---@param options table<string, string|true>  as of arguments.parse
---@param asked string[]  the runtimes that the options are about
---@return table self
---@raise usage
function choices.apply(self, options, asked)
  check(self, options, asked)
  self.rebuild = options.rebuild or options.no_cache or options.pull or nil
  self.no_cache = options.no_cache or nil
  self.pull_base = options.pull and not is_on_others(self) or nil
  if options.branch then
    local branch = names.branch(options.branch)
    self.keeps_latest, self.branch = branch ~= self.branch or nil, branch
  end
  if options.commit then
    self.commit, self.keeps_latest = commit_of(options.commit), true
  elseif options.dir then
    self.working_tree, self.keeps_latest = names.directory(options.dir, "--dir"), true
    self.repo_url = url_of(self.working_tree) -- its images have another source than those of the forge's repository
  end
  self.attested = options.attested or self.attested
  self.allow_detached = options.allow_detached or nil
  return self
end

return choices

--- The images that a Dockerfile is built from: those of FROM, and of COPY --from. A name that the text alone does not decide is
--- unknown.
local dockerfile = {}

---@class molbuild.Base
---@field text string  as the Dockerfile writes it
---@field name string?  with all variables replaced; nil: not known
---@field final boolean?  whether the image that is built has its layers

-- Lines -------------------------------------------------------------------------------------------------------------------

-- The directives at the beginning: `# escape=` and `# syntax=`.
local function directives(text)
  local found = {}
  for line in text:gmatch "([^\n]*)\n" do
    local name, value = line:match "^#%s*(%a%w*)%s*=%s*(.-)%s*$"
    if not name then break end
    found[name:lower()] = value
  end
  return found
end

-- The words of a line, with their quotes. A quote protects blanks, and the escape character protects what follows it.
local function words_of(line, escape)
  local list, word, quote, at = {}, "", nil, 1
  while at <= #line do
    local char = line:sub(at, at)
    if char == escape and quote ~= "'" then
      char, at = line:sub(at, at + 1), at + 1
    elseif char == quote then
      quote = nil
    elseif not quote and (char == '"' or char == "'") then
      quote = char
    end
    if not quote and char:find "^%s$" then
      list[#list + 1], word = word ~= "" and word or nil, ""
    else
      word = word .. char
    end
    at = at + 1
  end
  list[#list + 1] = word ~= "" and word or nil
  return list
end

local TAKES_HEREDOC = { RUN = true, COPY = true, ADD = true }

-- The here-documents that follow an instruction: { END, whether tabs before it are removed }.
local function heredocs(line, escape)
  local list = {}
  if not TAKES_HEREDOC[(line:match "^%s*(%a+)" or ""):upper()] or not line:find("<<", 1, true) then return list end
  for _, word in ipairs(words_of(line, escape)) do
    local strips, name = word:match "^%d*<<(%-?)([^<]+)$"
    if name then list[#list + 1] = { name:gsub("[\"']", ""), strips == "-" } end
  end
  return list
end

-- A line without the escape character at its end; nil for one that does not continue.
local function continued(line, escape)
  local rest = line:gsub("[ \t]+$", "")
  if rest:sub(-1) ~= escape or rest:sub(-2, -2) == escape then return nil end
  return rest:sub(1, -2)
end

-- Each instruction as one line, without comments, continuations and here-documents; nil when a here-document has no end.
local function instructions(text, escape)
  local list, open, ends = {}, "", {}
  for line in text:gmatch "([^\n]*)\n" do
    if ends[1] then
      if (ends[1][2] and line:gsub("^\t+", "") or line) == ends[1][1] then table.remove(ends, 1) end
    elseif not line:find "^%s*#" and line:find "%S" then
      local more = continued(line, escape)
      open = open .. (more or line)
      if not more then
        list[#list + 1] = open
        ends, open = heredocs(open, escape), ""
      end
    end
  end
  if open:find "%S" then list[#list + 1] = open end
  return not ends[1] and list or nil
end

-- Variables -----------------------------------------------------------------------------------------------------------------

-- The value of ${...}; nil for a form that is not known, or a variable that the builder alone knows.
local function value_of(inner, args)
  local name, operator, word = inner:match "^([%a_][%w_]*)(:?[-+]?)(.*)$"
  if not name or operator == "" and word ~= "" or operator == ":" then return nil end
  local value = args[name]
  local is_set = value ~= nil and (value ~= "" or operator == "-" or operator == "+")
  if operator == "" then return value end
  if operator:find "-" then return is_set and value or not is_set and word or nil end
  return is_set and word or ""
end

-- A word with its variables replaced and its quotes removed; nil where that is not certain.
local function expand(word, args)
  local quote = word:match "^([\"']).*%1$"
  if quote then word = word:sub(2, -2) end
  if word:find "[\"'\\`]" then return nil end
  if quote == "'" then return word end
  local known = true
  local function replaced(inner)
    local value = value_of(inner, args)
    if not value or value:find "%$" then known = false end
    return (value or ""):gsub("%%", "%%%%")
  end
  word = word:gsub("%${([^{}]*)}", replaced):gsub("%$([%a_][%w_]*)", replaced)
  return known and not word:find "[$%s]" and word ~= "" and word or nil
end

-- ARG before the first FROM: what FROM can use. A given argument overrides a default.
local function note_argument(rest, args, given)
  for word in rest:gmatch "%S+" do
    local name, value = word:match "^([%a_][%w_]*)=(.*)$"
    name = name or word
    if given[name] ~= nil then
      args[name] = given[name]
    elseif value == "" or value == '""' or value == "''" then
      args[name] = ""
    else
      args[name] = value and expand(value, args)
    end
  end
end

-- Stages --------------------------------------------------------------------------------------------------------------------

-- A stage: its base, or the stage that it begins with.
local function stage_of(rest, stages, args)
  local words = {}
  for word in rest:gmatch "%S+" do
    if not word:find "^%-%-" then words[#words + 1] = word end
  end
  local name = words[1] and expand(words[1], args)
  local stage = { text = words[1] or "?", name = name, parent = name and stages[name:lower()] }
  stages[#stages + 1] = stage
  if words[2] and words[2]:lower() == "as" and words[3] then stages[words[3]:lower()] = stage end
  return stage
end

-- The image that a stage's layers begin with.
local function base_of(stage)
  while stage and stage.parent do stage = stage.parent end
  return stage
end

local function note_copy(rest, stages, copies)
  for text in rest:gmatch "%-%-from=(%S+)" do
    local is_stage = text:find "^%d+$" or stages[text:lower()]
    if not is_stage then copies[#copies + 1] = { text = text, name = not text:find "[$\"'\\]" and text or nil } end
  end
end

-- Another frontend reads the file by rules of its own.
local function has_other_rules(syntax)
  return syntax ~= nil and not syntax:find "^docker/dockerfile[:@]" and syntax ~= "docker/dockerfile"
    and not syntax:find "^docker%.io/docker/dockerfile[:@]"
end

local function each_once(stages, copies, final)
  local list, seen = {}, {}
  local function add(item)
    local key = item.name or "?" .. item.text
    if item.parent or item.name == "scratch" then return end
    if not seen[key] then
      seen[key] = { text = item.text, name = item.name }
      list[#list + 1] = seen[key]
    end
    seen[key].final = seen[key].final or item == final or nil
  end
  for _, stage in ipairs(stages) do add(stage) end
  for _, copy in ipairs(copies) do add(copy) end
  return list
end

--- The images that a Dockerfile names, in its order, each once, without `scratch`.
---@param text string
---@param options { build_args: table<string, string>?, target: string? }?  target: the stage that is built, the last when absent
---@return molbuild.Base[]? bases  nil when the file is written for other rules, or breaks those of Dockerfiles
function dockerfile.bases(text, options)
  local given, target = options and options.build_args or {}, options and options.target
  text = text:gsub("^\xEF\xBB\xBF", ""):gsub("\r\n", "\n") .. "\n"
  local found = directives(text)
  if has_other_rules(found.syntax) then return nil end
  local lines = instructions(text, found.escape == "`" and "`" or "\\")
  if not lines then return nil end
  local stages, copies, args = {}, {}, {}
  for _, line in ipairs(lines) do
    local name, rest = line:match "^%s*(%a+)%s*(.*)$"
    name = (name or ""):upper()
    if name == "ARG" and #stages == 0 then
      note_argument(rest, args, given)
    elseif name == "FROM" then
      stage_of(rest, stages, args)
    elseif name == "COPY" or name == "ADD" then
      note_copy(rest, stages, copies)
    end
  end
  local last = target and (stages[target:lower()] or stages[(tonumber(target) or -1) + 1]) or stages[#stages]
  return each_once(stages, copies, base_of(last))
end

return dockerfile

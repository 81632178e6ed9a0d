--- Numbers for a monitoring system, as OpenMetrics text (https://prometheus.io/docs/specs/om/open_metrics_spec/).
---
--- node_exporter's textfile collector reads the older text format of Prometheus. The text is valid for both: it has the types
--- counter, gauge and summary alone, no times, and no quotes in the help; `# UNIT` and `# EOF` are comments there. The one
--- difference is that a counter has no type there, since OpenMetrics names its sample, and not the family, with "_total".
local maps = require "molbuild.base.maps"
local text = require "molbuild.base.text"

local openmetrics = {}

---@class molbuild.Metrics
---@field private families table[]  in the order of their definition
local Metrics = {}
Metrics.__index = Metrics

---@class molbuild.MetricFamily
local Family = {}
Family.__index = Family

--- No families yet.
---@return molbuild.Metrics
function openmetrics.new()
  return setmetatable({ families = {} }, Metrics)
end

--- Add a family. A unit is the end of its name.
---@param type_name "counter"|"gauge"|"summary"
---@param name string  without "_total"
---@param help string  one line, without quotes and backslashes
---@return molbuild.MetricFamily
function Metrics:add(type_name, name, help)
  assert(name:find "^[%a_:][%w_:]*$" and not name:find "_total$", name)
  assert(not help:find '[\n"\\]', help)
  local family = setmetatable({ type = type_name, name = name, help = help, series = {} }, Family)
  self.families[#self.families + 1] = family
  return family
end

local ESCAPES = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

-- The labels as text, in the order of their names.
local function key_of(labels)
  local parts = {}
  for name, value in pairs(labels) do
    assert(name:find "^[%a_][%w_]*$", name)
    parts[#parts + 1] = ('%s="%s"'):format(name, (text.valid(tostring(value), "\u{FFFD}"):gsub('[\\"\n]', ESCAPES)))
  end
  table.sort(parts)
  return #parts > 0 and "{" .. table.concat(parts, ",") .. "}" or ""
end

local function series_of(self, labels)
  local key = key_of(labels or {})
  local series = self.series[key] or { labels = labels or {}, value = 0, count = 0 }
  self.series[key] = series
  return series
end

--- Set a gauge; nil removes the series.
---@param labels table<string, string>?
---@param value number?
function Family:set(labels, value)
  if value == nil then
    self.series[key_of(labels or {})] = nil
  else
    series_of(self, labels).value = value
  end
end

--- Add to a counter, or an observation to a summary. With 0, a counter's series begins to exist.
---@param labels table<string, string>?
---@param value number  not negative
function Family:add(labels, value)
  local series = series_of(self, labels)
  series.value, series.count = series.value + math.max(0, value), series.count + 1
end

--- Remove all series whose label NAME is not in a set.
---@param name string
---@param known table<string, any>
function Family:keep(name, known)
  for key, series in pairs(self.series) do
    if series.labels[name] and not known[series.labels[name]] then self.series[key] = nil end
  end
end

local function number(value)
  if value ~= value then return "NaN" end
  if value == math.huge or value == -math.huge then return value > 0 and "+Inf" or "-Inf" end
  return math.tointeger(value) and ("%d"):format(value) or ("%.14g"):format(value)
end

local UNITS = { "_seconds$", "_bytes$" }

local function unit_of(name)
  for _, pattern in ipairs(UNITS) do
    if name:find(pattern) then return pattern:sub(2, -2) end
  end
end

local SAMPLES = {
  counter = function(name, key, series) return { ("%s_total%s %s"):format(name, key, number(series.value)) } end,
  gauge = function(name, key, series) return { ("%s%s %s"):format(name, key, number(series.value)) } end,
  summary = function(name, key, series)
    return {
      ("%s_count%s %s"):format(name, key, number(series.count)), ("%s_sum%s %s"):format(name, key, number(series.value)),
    }
  end,
}

local function append(lines, family)
  local unit = unit_of(family.name)
  lines[#lines + 1] = ("# HELP %s %s"):format(family.name, family.help)
  lines[#lines + 1] = ("# TYPE %s %s"):format(family.name, family.type)
  if unit then lines[#lines + 1] = ("# UNIT %s %s"):format(family.name, unit) end
  for _, key in ipairs(maps.keys(family.series)) do
    local samples = SAMPLES[family.type](family.name, key, family.series[key])
    table.move(samples, 1, #samples, #lines + 1, lines)
  end
end

--- The whole text. Families without a series are left out.
---@return string
function Metrics:text()
  local lines = {}
  for _, family in ipairs(self.families) do
    if next(family.series) then append(lines, family) end
  end
  lines[#lines + 1] = "# EOF\n"
  return table.concat(lines, "\n")
end

return openmetrics

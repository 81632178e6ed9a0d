--- What a build's output shows while it runs: its steps, and phases that are silent by nature.
local output = {}

--- The beginnings of the lines that step() and quiet_phases() parse (see process.run). They exclude the output of a RUN,
--- which is nearly all that a build prints.
output.step_lines = {
  "#0 [", "#0 exporting ", "#0 unpacking to ", "#0 sending tarball", "#0 importing to docker", "#0 DONE", "#0 ERROR",
  "#0 CANCELED", "Step ",
  "STEP ", "[0/0] STEP ", -- podman
}

--- The build step that an output line announces: done, total, text, and the stage, which only podman names. nil for any
--- other line.
---@param line string
function output.step(line)
  local stage
  local done, total, text = line:match "^#%d+ %[[^%]]-(%d+)/(%d+)%] (.*)$"
  if not done then
    done, total, text = line:match "^Step (%d+)/(%d+) : (.*)$"
  end
  if not done then -- podman; with several stages "[1/2] " precedes it
    stage, done, total, text = line:match "^([%[%d/%] ]*)STEP (%d+)/(%d+): (.*)$"
  end
  -- The output of a RUN may look like a step.
  done, total = math.tointeger(done or ""), math.tointeger(total or "")
  if done and total then
    return done, total, text, stage or ""
  end
end

--- BuildKit's step number at the beginning of a line, and the rest of the line. Numbers above 99999 are ignored: the
--- memory for them is bounded.
local function vertex_of(line)
  return line:match "^#(%d%d?%d?%d?%d?) (.*)$"
end

--- BuildKit announces a step again after a line of another step.
local function buildkit_steps()
  local shown = {}
  return function(line)
    local done, total, text = output.step(line)
    local id = done and vertex_of(line)
    if id and not shown[id] then
      shown[id] = true
      return done, total, text
    end
  end
end

--- Whether STAGE, podman's "[2/3] ", follows BEFORE, and whether it is the last stage.
local function next_stage(stage, before)
  local number, count = stage:match "^%[(%d+)/(%d+)%] $"
  local last = before:match "^%[(%d+)/"
  return number and tonumber(number) == (tonumber(last) or 0) + 1, number == count
end

--- The output of a RUN of the classic builder or podman may look like a step: only the expected next step counts. Both
--- builders make a step of each label of the command line, after those of the last stage. These are not the template's.
local function classic_steps(labels)
  local next_step, all, stage_now, own = 1, nil, nil, nil
  return function(line)
    local done, total, text, stage = output.step(line)
    if not done or vertex_of(line) then
      return nil
    end
    local follows, last = next_stage(stage, stage_now or "")
    if follows and done == 1 then
      next_step, all, stage_now, own = 1, total, stage, total - (last and labels or 0)
    elseif not all and done == 1 and stage == "" then
      all, stage_now, own = total, "", total - labels
    end
    if done == next_step and total == all and stage == stage_now then
      next_step = done + 1
      if done <= own then
        return done, own, text
      end
    end
  end
end

--- Follows the steps of one build. Returns a function of a line that returns done, total and text when a step begins,
--- once per step.
---@param builder "buildkit"|"classic"
---@param labels integer?  how many labels the command line has; none when absent
function output.steps(builder, labels)
  return builder == "buildkit" and buildkit_steps() or classic_steps(labels or 0)
end

-- Phases that are silent by nature: an image is stored, or comes from a builder elsewhere.
local QUIET = { "^exporting ", "^unpacking to ", "^sending tarball", "^importing to docker" }

local function is_quiet(rest)
  for _, pattern in ipairs(QUIET) do
    if rest:find(pattern) then return true end
  end
  return false
end

--- Follows BuildKit's export, transfer and unpack phases, which are silent by nature; other builders do not announce them.
--- Returns a function of a line that reports whether silence is expected after it.
---@param builder "buildkit"|"classic"
function output.quiet_phases(builder)
  local open = {}
  return function(line)
    local id, rest = vertex_of(line)
    if builder ~= "buildkit" then
      return false
    elseif id and is_quiet(rest) then
      open[id] = not rest:find " done$" or nil
    elseif id and (rest:find "^DONE" or rest:find "^ERROR" or rest:find "^CANCELED") then
      open[id] = nil
    end
    return next(open) ~= nil
  end
end

return output

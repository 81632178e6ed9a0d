--- What a build of a test's world shows: the steps of its Dockerfile, as each builder prints them.
local docker_steps = {}

local STEPS = { FROM = true, RUN = true, COPY = true, ADD = true, WORKDIR = true }

local function is_shown(line, builder)
  local word = line:match "^%s*(%a+)%s"
  if not word or builder ~= "buildkit" then
    return word ~= nil
  end
  return STEPS[word:upper()] and not line:find "^%s*%a+%s+scratch%s*$" or false
end

--- The instructions of a Dockerfile that a builder shows: BuildKit those that make a layer; the others all, and behind them one for
-- each label of the command line.
function docker_steps.of(text, builder, labels)
  local steps = {}
  for line in (text:gsub("\\\n", " ") .. "\n"):gmatch "([^\n]*)\n" do
    steps[#steps + 1] = is_shown(line, builder) and line:match "^%s*(.-)%s*$" or nil
  end
  local own = #steps
  for name, value in pairs(builder ~= "buildkit" and labels or {}) do
    steps[#steps + 1] = ("LABEL %s=%s"):format(name, value)
  end
  return steps, own
end

function docker_steps.command(step)
  return (step:gsub("^%a+%s+", ""))
end

local function list_of(prints)
  return type(prints) == "table" and table.concat(prints, "\n") or prints or ""
end

local SHOWS = {}
docker_steps.SHOWS = SHOWS -- by builder: up to the output of the last instruction

-- The output of the Dockerfile's last instruction follows that step; a failing build ends there.
function SHOWS.buildkit(call, steps, own, plan)
  call:print '#0 building with "default" instance using docker driver'
  call:print "#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s"
  for index, step in ipairs(steps) do
    local number = index + 3
    call:print("#%d [%d/%d] %s", number, index, #steps, step)
    if index == own then
      for line in list_of(plan.prints):gmatch "[^\n]+" do
        call:print("#%d 0.1 %s", number, line)
      end
    else
      call:print("#%d DONE 0.1s", number)
    end
  end
  call:wait(plan.seconds or 0)
end

local function show_classic(call, steps, from, to, podman)
  for index = from, to do
    call:print(podman and "STEP %d/%d: %s" or "Step %d/%d : %s", index, #steps, steps[index])
  end
end

function SHOWS.classic(call, steps, own, plan, podman)
  show_classic(call, steps, 1, own, podman)
  local text = list_of(plan.prints)
  if text ~= "" then
    call:print("%s", text)
  end
  call:wait(plan.seconds or 0)
end

--- What is printed of a build that succeeds, from there on.
function docker_steps.show_end(call, steps, own, builder, podman)
  if builder ~= "buildkit" then
    return show_classic(call, steps, own + 1, #steps, podman)
  end
  local number = own + 3
  call:print("#%d DONE 0.1s\n#%d exporting to image\n#%d DONE 0.0s", number, number + 1, number + 1)
end

return docker_steps

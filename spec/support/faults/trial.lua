--- One trial: a run in which one call fails, and what must hold of it.
local place_of = require "spec.support.faults.place"
local sh = require "spec.support.sh"

local trial = {}

--- The allowed exit statuses. Not 5, 6, 7 or 10: the template exists, is complete and public, and the lock is free. Not 70:
--- the program has no bug. 2 is only for a policy that cannot be read.
local EXITS = { [0] = true, [1] = true, [3] = true, [4] = true, [8] = true, [9] = true }

--- Signs of a bug.
local BUGS = { "stack traceback", "%.lua:%d+:", "attempt to ", "PANIC", "Assertion", "Sanitizer", "%[string " }

--- Calls that have nothing to do with the forge: about a pipe to a child, or a file of the cache.
local function is_local(call)
  return call:find("<pipe:", 1, true) or call:find("/cache/", 1, true)
end

local function check_end(seen, add)
  if seen.seconds > place_of.longest then add(("took %.0f s"):format(seen.seconds)) end
  if seen.status >= 128 then
    add("ended by signal " .. seen.status - 128)
  elseif not EXITS[seen.status] and not (seen.status == 2 and seen.stderr:find "ensure%.lua") then
    add("exit status " .. seen.status)
  elseif seen.status == 4 and is_local(seen.injected or "") then
    add "the forge is blamed for what failed here"
  end
end

local function check_output(seen, add)
  local expected = seen.status == 0 and seen.tag .. "\n" or ""
  -- A file system may tell only when all is written that it could not be stored.
  local late = seen.stderr:find("cannot write the result", 1, true) and seen.stdout == seen.tag .. "\n"
  if seen.stdout ~= expected and not late then add("stdout: " .. seen.stdout) end
  for _, pattern in ipairs(BUGS) do
    if seen.stderr:find(pattern) then
      add("a bug is reported: " .. (seen.stderr:match("[^\n]*" .. pattern .. "[^\n]*")))
      break
    end
  end
  if seen.status ~= 0 and not seen.stderr:find "molbuild: " and not seen.stderr_failed then add("no reason is given") end
end

local function check_image(seen, add)
  if not seen.image then
    if seen.status == 0 then add "the engine has no image of the tag" end
    return
  end
  for field, value in pairs(seen.right_image) do
    if seen.image[field] ~= value then
      add(("the image's %s is %s, not %s"):format(field, tostring(seen.image[field]), tostring(value)))
    end
  end
end

local function check_rest(seen, add)
  if seen.processes > 0 then add(seen.processes .. " processes are left") end
  if seen.containers > 0 then add(seen.containers .. " containers are left") end
  if seen.lock_held then add "the lock is held" end
  if seen.staging ~= "" then add("staging is left: " .. seen.staging) end
  if seen.next.status ~= 0 or seen.next.stdout ~= seen.tag .. "\n" then
    add(("the next run ended with %d: %s"):format(seen.next.status, seen.next.stderr:match "[^\n]*\n?$"))
  end
  if seen.next.staging ~= "" then add("staging is left after the next run: " .. seen.next.staging) end
end

--- Which invariants do not hold of what was seen: a text for each.
---@return string[]
function trial.broken(seen)
  local list = {}
  local function add(text) list[#list + 1] = (text:gsub("%c", " ")) end
  check_end(seen, add)
  check_output(seen, add)
  check_image(seen, add)
  check_rest(seen, add)
  return list
end

--- What of an image shows that it is the right one: the layers of two builds differ in their times, and two builders make
--- different ones, but of the same size.
---@param image table?  the engine's answer
function trial.essence(image)
  if not image then return nil end
  return {
    revision = image.Config.Labels and image.Config.Labels["org.opencontainers.image.revision"] or "none",
    platform = image.Os .. "/" .. image.Architecture,
    size = image.Size, command = table.concat(image.Config.Cmd or {}, " "),
  }
end

--- How the point's fault is made.
local function injection(point)
  if point.what == "alloc" then
    return { faulty = { ALLOC = point.ordinal .. (point.error == "all" and "+" or "") } }
  elseif point.what == "close" then
    return { faulty = { CLOSE = point.ordinal .. ":" .. trial.numbers[point.error] } }
  end
  return {
    faulty = {},
    trace = ("-e trace=%s -e inject=%s:error=%s:when=%d"):format(point.what, point.what, point.error, point.ordinal),
  }
end

--- The numbers of close's errors, on Linux.
trial.numbers = { EINTR = 4, EIO = 5, ENOSPC = 28, EDQUOT = 122 }

--- The call as it was made to fail, nil when the run had fewer calls than the one that was recorded.
local function injected(place, point)
  if point.what ~= "alloc" and point.what ~= "close" then
    return (sh.read(place.dir .. "/trace") or ""):match "[^\n]*%(INJECTED%)[^\n]*"
  end
  local counts = sh.read(place.dir .. "/counts") or ""
  if #counts ~= 16 then return nil end
  local allocations, closes = ("<I8I8"):unpack(counts)
  return point.ordinal <= (point.what == "alloc" and allocations or closes) and point.call or nil
end

local function end_processes(place, mark)
  for _, pid in ipairs(place.processes(mark)) do sh.try { "kill", "-KILL", pid } end
end

--- What is still there a moment after the end counts: children that are ended with us take a while.
local function settle(place, scenario, mark, seen)
  local deadline = sh.now() + 5
  repeat
    seen.processes, seen.containers = #place.processes(mark), place:containers()
    seen.lock_held = place:lock_is_held(scenario.runtime)
    if seen.processes == 0 and seen.containers == 0 and not seen.lock_held then return end
    sh.sleep(0.1)
  until sh.now() > deadline
  end_processes(place, mark)
end

--- A failed call that removes files, or searches files for removal, leaves them; so does a lack of all memory,
--- without which nothing can be done any more.
local function excuses_staging(point, call)
  if point.error == "all" then return true end
  if not call:find("/tmp/", 1, true) then return false end
  for _, name in ipairs { "unlink", "rmdir", "open", "newfstatat", "getdents" } do
    if call:find("^" .. name) then return true end
  end
  return false
end

--- Try a point: what was seen, nil when the call did not come about.
---@param right table  what trial.essence gives for the right image
---@param mark string  by which this trial's processes are found
function trial.run(place, point, right, mark)
  local scenario = place_of.scenario(point.scenario)
  local how = injection(point)
  how.faulty.COUNTS = place.dir .. "/counts"
  place:prepare(scenario)
  os.remove(place.dir .. "/counts")
  os.remove(place.dir .. "/trace")
  local seen = place:run(scenario, mark, how)
  seen.injected = injected(place, point)
  seen.tag, seen.right_image = place:tag(scenario.runtime), right
  settle(place, scenario, mark, seen)
  seen.image, seen.staging = trial.essence(place:image(scenario.runtime)), place:staging()
  local excused = seen.injected and excuses_staging(point, seen.injected)
  if excused then seen.staging = "" end
  seen.stderr_failed = (seen.injected or ""):find "^write%(2<" ~= nil
  seen.next = place:run(scenario, mark .. "-next", { name = "next" })
  -- After a success the next run is a hit, which takes no lock and looks at no staging.
  seen.next.staging = excused and seen.status == 0 and "" or place:staging()
  return seen
end

return trial

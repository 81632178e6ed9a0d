-- What the line of a runtime looks like.

local say = require "molbuild.progress.say"
local text = require "molbuild.base.text"

local GAP = "  "
local MAX_NAME = 32
local MARKS = {
  unicode = { ok = "✓ ", failed = "✗ " },
  ascii = { ok = "ok ", failed = "" },
}

local layout = {}

---@class molbuild.Job
---@field name string
---@field started number  by the clock that is given to layout.block
---@field step string?
---@field between boolean?  its step has ended well, and no other one has begun
---@field waiting boolean  for a place
---@field done integer?
---@field total integer?
---@field text string  the newest line of output
---@field ended { ok: boolean, cancelled: boolean?, skipped: boolean?, seconds: number, outcome: string?, image: string?,
---reason: string? }?

local function live_status(job)
  if job.waiting then
    return "waiting"
  end
  if not job.step then
    return "starting"
  end
  if job.total and job.total > 0 then
    return say.count(job.step, job.done, job.total) .. " " .. text.bar(job.done, job.total)
  end
  return job.step
end

local function end_status(job, unicode)
  local marks = MARKS[unicode and "unicode" or "ascii"]
  if job.ended.ok then
    return marks.ok .. say.outcome(job.ended.outcome), "green"
  end
  if job.ended.skipped then
    return "skipped", "yellow"
  end
  local how = job.ended.cancelled and "ended" or "failed"
  local where = job.waiting and " while waiting" or job.step and not job.between and " in " .. job.step or ""
  return marks.failed .. how .. where, "red"
end

-- A tag that is cut would name another image: it stands there whole, without what comes before its last slash, or not
-- at all.
local function fitting_image(image, room, width)
  for _, name in ipairs { image, image:match "[^/]*$" } do
    if width.columns(name) <= room then
      return name
    end
  end
  return ""
end

-- Name, status, time and text of a job, each a { text, colour }.
local function cells(job, now, unicode)
  if job.ended then
    local status, color = end_status(job, unicode)
    local said = job.ended.image and { job.ended.image, whole = true } or { job.ended.reason or "" }
    return { { job.name }, { status, color }, { text.duration(job.ended.seconds) }, said }
  end
  return {
    { job.name },
    { live_status(job), "cyan" },
    { text.duration(now - job.started) },
    { text.one_line(job.text), "dim" },
  }
end

local function padding(columns, wanted)
  return (" "):rep(math.max(0, wanted - columns))
end

-- Join cells to a line of at most ROOM columns: time to the right, the others to the left of their column.
local function fit(row, widths, room, opts)
  local plain, shown, before = "", "", ""
  for i, cell in ipairs(row) do
    local missing = padding(opts.width.columns(cell[1]), widths[i] or 0)
    before = before .. (i == 3 and missing or "")
    local left = room - opts.width.columns(plain) - #before
    if cell.whole then
      cell = { fitting_image(cell[1], left, opts.width) }
    end
    local piece = left > 0 and opts.width.cut(cell[1], left) or ""
    if piece == "" then
      break
    end
    plain = plain .. before .. piece
    shown = shown .. before .. opts.paint(piece, cell[2])
    -- What was cut ends the line: the next cell would look like its end.
    if #piece < #cell[1] then
      break
    end
    before = (i < 3 and missing or "") .. GAP
  end
  return { plain = plain, shown = shown }
end

--- The lines for some jobs, in columns below each other, none as wide as the terminal.
---@param jobs molbuild.Job[]
---@param columns integer  of the terminal
---@param opts { now: number, name_width: integer, unicode: boolean, paint: function, width: table }
---@return molbuild.ScreenLine[]
function layout.block(jobs, columns, opts)
  local rows, widths = {}, { math.min(opts.name_width, MAX_NAME), 0, 0 }
  for i, job in ipairs(jobs) do
    rows[i] = cells(job, opts.now, opts.unicode)
    for column = 2, 3 do
      widths[column] = math.max(widths[column], opts.width.columns(rows[i][column][1]))
    end
  end
  local lines = {}
  for i, row in ipairs(rows) do
    lines[i] = fit(row, widths, columns - 1, opts)
  end
  return lines
end

--- Which jobs to show in so many lines: all when they fit, else those that work before those that wait.
---@param jobs molbuild.Job[]
---@param room integer
---@return molbuild.Job[] shown
---@return integer hidden  how many are left out; then one line less is used, for saying so
function layout.choose(jobs, room)
  if #jobs <= room then
    return jobs, 0
  end
  local shown = {}
  for _, waiting in ipairs { false, true } do
    for _, job in ipairs(jobs) do
      if job.waiting == waiting and #shown < room - 1 then
        shown[#shown + 1] = job
      end
    end
  end
  return shown, #jobs - #shown
end

return layout

-- The layout of a runtime's line.

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
---@field started number  on the clock that is given to layout.block
---@field step string?
---@field between boolean?  its step has succeeded, and no other one has begun
---@field waiting boolean  for a slot
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

local function end_status(job, opts)
  local marks = MARKS[opts.unicode and "unicode" or "ascii"]
  if job.ended.ok then
    return marks.ok .. say.outcome(job.ended.outcome, opts.words), "green"
  end
  if job.ended.skipped then
    return "skipped", "yellow"
  end
  local how = job.ended.cancelled and "ended" or "failed"
  local where = job.waiting and " while waiting" or job.step and not job.between and " in " .. job.step or ""
  return marks.failed .. how .. where, "red"
end

-- A cut tag would name another image. So a tag is shown whole, without the part before its last slash, or not at all.
local function fitting_image(image, room, width)
  for _, name in ipairs { image, image:match "[^/]*$" } do
    if width.columns(name) <= room then
      return name
    end
  end
  return ""
end

-- Name, status, time and text of a job, each as { text, colour }.
local function cells(job, opts)
  if job.ended then
    local status, color = end_status(job, opts)
    local said = job.ended.image and { job.ended.image, whole = true } or { job.ended.reason or "" }
    return { { job.name }, { status, color }, { text.duration(job.ended.seconds) }, said }
  end
  return {
    { job.name },
    { live_status(job), "cyan" },
    { text.duration(opts.now - job.started) },
    { text.one_line(job.text), "dim" },
  }
end

local function padding(columns, wanted)
  return (" "):rep(math.max(0, wanted - columns))
end

-- Join cells to a line of at most ROOM columns: the time is right-aligned, the other cells are left-aligned.
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
    -- A cut cell ends the line: the next cell would look like its rest.
    if #piece < #cell[1] then
      break
    end
    before = (i < 3 and missing or "") .. GAP
  end
  return { plain = plain, shown = shown }
end

--- The lines for some jobs, in aligned columns, each narrower than the terminal.
---@param jobs molbuild.Job[]
---@param columns integer  of the terminal
---@param opts { now: number, name_width: integer, unicode: boolean, paint: function, width: table,
--- words: molbuild.Words }
---@return molbuild.ScreenLine[]
function layout.block(jobs, columns, opts)
  local rows, widths = {}, { math.min(opts.name_width, MAX_NAME), 0, 0 }
  for i, job in ipairs(jobs) do
    rows[i] = cells(job, opts)
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

--- The jobs to show in a number of lines: all when they fit, else working jobs before waiting ones.
---@param jobs molbuild.Job[]
---@param room integer
---@return molbuild.Job[] shown
---@return integer hidden  how many jobs are left out; one line is then reserved for that number
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

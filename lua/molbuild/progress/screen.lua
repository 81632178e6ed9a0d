-- The bottom of a terminal: a block of lines that is redrawn, and lines above it that stay.
-- The cursor rests at the start of the line below the block. That is the only position that stays correct when a terminal
-- wraps its lines again for another width.

local HIDE, SHOW = "\27[?25l", "\27[?25h"
local WRAP_OFF, WRAP_ON = "\27[?7l", "\27[?7h"
-- Terminals that support it show the whole frame at the same time; others ignore it.
local FRAME_BEGIN, FRAME_END = "\27[?2026h", "\27[?2026l"
local RESET, CLEAR_LINE, CLEAR_REST = "\27[0m", "\27[2K", "\27[K"
local DOWN = "\27[B"
local RESTORE = RESET .. WRAP_ON .. SHOW

local screen = {}

---@class molbuild.Screen
local Screen = {}
Screen.__index = Screen

---@class molbuild.ScreenLine
---@field plain string  the characters without colours
---@field shown string  the same with colours

--- A screen with nothing on it. Nothing is written before the first draw.
---@param opts { write: fun(text: string), width: { columns: function, cut: function }, reflows: boolean,
---last_words: fun(text: string)? }
---reflows: whether the terminal wraps its lines again when it becomes narrower; last_words: receives the text to write
---if the program ends before close() is called
---@return molbuild.Screen
function screen.new(opts)
  return setmetatable({
    write = opts.write,
    width = opts.width,
    reflows = opts.reflows,
    last_words = opts.last_words or function() end,
    drawn = {},
    columns = nil,
    hidden = false,
  }, Screen)
end

-- The rows of a line that is wrapped to a width: a wide character is not split at an edge.
local function rows_of(plain, columns, width)
  local rows = 0
  repeat
    local fitting = #width.cut(plain, columns)
    if fitting == 0 then
      return rows + 1
    end
    plain = plain:sub(fitting + 1)
    rows = rows + 1
  until plain == ""
  return rows
end

local function up(rows)
  return rows > 0 and ("\27[%dA\r"):format(rows) or ""
end

-- Move to the first row of the block and clear the block, row by row: when a screen is cleared from its first row on,
-- tmux copies it to its history, and with it every frame.
function Screen:_erase(columns)
  local rows = #self.drawn
  if self.reflows and rows > 0 and columns < self.columns then
    rows = 0
    for _, line in ipairs(self.drawn) do
      rows = rows + rows_of(line.plain, columns, self.width)
    end
  end
  return up(rows) .. (CLEAR_LINE .. DOWN):rep(rows) .. up(rows)
end

local function same(a, b)
  if #a ~= #b then
    return false
  end
  for i, line in ipairs(a) do
    if line.shown ~= b[i].shown then
      return false
    end
  end
  return true
end

local function joined(lines)
  local parts = {}
  for i, line in ipairs(lines) do
    parts[i] = line.shown .. CLEAR_REST .. "\n"
  end
  return table.concat(parts)
end

--- Print lines above the block, and redraw the block, in one write. Writes nothing when nothing changed.
---@param above string[]  lines that stay; may be wider than the terminal
---@param block molbuild.ScreenLine[]  lines narrower than COLUMNS
---@param columns integer  the terminal's width now
function Screen:draw(above, block, columns)
  if #above == 0 and columns == self.columns and same(block, self.drawn) then
    return
  end
  local stays = #above > 0 and table.concat(above, "\n") .. "\n" or ""
  if #block == 0 and #self.drawn == 0 then
    if stays ~= "" then
      self.write(stays)
    end
    return
  end
  -- Without clearing first where possible: clearing flickers.
  local over = stays == "" and #block == #self.drawn and columns == self.columns
  local back = over and up(#block) or self:_erase(columns)
  local hide = self.hidden and "" or HIDE
  if not self.hidden then
    self.last_words(RESTORE .. "\n")
  end
  self.hidden = true
  self.write(table.concat { FRAME_BEGIN, hide, back, stays, WRAP_OFF, joined(block), WRAP_ON, FRAME_END })
  self.drawn, self.columns = block, columns
end

--- The program was stopped and continued: the shell owns the drawn lines now, and the terminal was restored.
function Screen:forget()
  self.drawn, self.hidden = {}, false
end

--- Restore the terminal: colours, wrapping, cursor. Its content stays. May be called twice.
function Screen:close()
  if self.hidden then
    self.write(RESTORE)
    self.last_words ""
  end
  self.hidden = false
  self.drawn = {}
end

return screen

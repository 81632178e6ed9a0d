--- A terminal renderer with a clock and a terminal of the spec's own, and what it writes.
local tty = require "molbuild.progress.tty"
local width = require("molbuild.core").width
local words = require "spec.support.words"

local drawing = {}

--- Set `clock` (seconds), `columns` and `rows` to what the renderer is to find; `writes` is what it wrote.
function drawing.new()
  local t = {}

  --- A new renderer on an empty terminal of 80x24.
  function t.renderer(options)
    t.clock, t.columns, t.rows, t.writes = 1000, 80, 24, {}
    options = options or {}
    options.width, options.words = width, options.words or words
    options.unicode = options.unicode ~= false
    function options.write(s)
      t.writes[#t.writes + 1] = s
    end
    function options.columns()
      return t.columns
    end
    function options.rows()
      return t.rows
    end
    function options.now()
      return t.clock
    end
    return tty.new(options)
  end

  --- An event that is drawn immediately.
  function t.show(r, e)
    t.clock = t.clock + 1
    r:event(e)
  end

  --- What the last write shows, without its control sequences.
  function t.frame()
    local shown = {}
    for line in (t.writes[#t.writes] or ""):gsub("\27%[[?%d]*%a", ""):gsub("\r", ""):gmatch("([^\n]*)\n") do
      shown[#shown + 1] = line
    end
    return shown
  end

  --- A runtime in the middle of its build, three seconds after it began.
  function t.building(r, name)
    t.show(r, { event = "job_started", runtime = name })
    t.show(r, { event = "step_started", runtime = name, step = "build" })
    t.show(r, { event = "progress", runtime = name, step = "build", done = 4, total = 9, text = "RUN pip install" })
  end

  return t
end

return drawing

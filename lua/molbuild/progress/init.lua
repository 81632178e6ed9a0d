-- Which renderer shows a run: --progress, --color, -v, and what stderr is.

local core = require "molbuild.core"
local env = require "molbuild.base.env"
local stream = require "molbuild.progress.stream"

local STDERR = 2

local progress = {}

---@class molbuild.ProgressOptions
---@field mode "auto"|"tty"|"plain"|"json"|"quiet"|nil  auto when absent
---@field verbose boolean?  show every output line
---@field color "auto"|"always"|"never"|nil  auto when absent
---@field several boolean?  whether there are several runtimes; found out when absent
---@field write fun(text: string, spare: boolean?)?  the rest: stderr and this process when absent; spare: build output,
---which is dropped sooner than what molbuild reports; true: the reader is slow
---@field is_free (fun(): boolean)?  whether nothing waits to be written
---@field isatty (fun(): boolean)?
---@field getenv (fun(name: string): string?)?
---@field columns (fun(): integer?)?
---@field rows (fun(): integer?)?
---@field now (fun(): number)?  seconds, monotonic
---@field last_words (fun(text: string))?  see molbuild.progress.screen
---@field continued (fun(): boolean)?  whether the program has been continued after a stop
---@field in_foreground (fun(): boolean)?  whether the terminal is ours
---@field width table?  as molbuild.core.width

local RENDERERS = {
  tty = "molbuild.progress.tty", plain = "molbuild.progress.plain", json = "molbuild.progress.json",
  quiet = "molbuild.progress.quiet",
}

local defaults = {}

function defaults.isatty()
  return core.sys.isatty(STDERR)
end

function defaults.getenv(name)
  return core.sys.getenv(name)
end

function defaults.columns()
  return (core.sys.terminal_size(STDERR))
end

function defaults.rows()
  return (select(2, core.sys.terminal_size(STDERR)))
end

function defaults.last_words(text)
  core.loop.last_words(text)
end

function defaults.continued()
  return core.loop.continued()
end

function defaults.in_foreground()
  return core.sys.in_foreground(STDERR)
end

function defaults.now()
  return core.sys.monotonic()
end

local function set(getenv, name)
  local value = getenv(name)
  return value ~= nil and value ~= ""
end

local function can_move_cursor(opts)
  return opts.isatty() and set(opts.getenv, "TERM") and opts.getenv("TERM") ~= "dumb"
end

local function mode_for(opts)
  if opts.mode and opts.mode ~= "auto" then
    return opts.mode
  end
  return can_move_cursor(opts) and not env.says_yes(opts.getenv "CI") and "tty" or "plain"
end

-- --color is the newer word of the two: it wins over NO_COLOR.
local function wants_color(opts)
  if opts.color == "always" or opts.color == "never" then
    return opts.color == "always"
  end
  return can_move_cursor(opts) and not set(opts.getenv, "NO_COLOR")
end

local function is_unicode(getenv)
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    if set(getenv, name) then
      return getenv(name):lower():find("utf%-?8") ~= nil
    end
  end
  return false
end

-- xterm and screen crop their lines when they get narrower; every other one in use wraps them.
local function reflows(getenv)
  local term = getenv("TERM") or ""
  if term:find("^xterm") then
    return not set(getenv, "XTERM_VERSION")
  end
  return not (term:find("^screen") and set(getenv, "STY")) and term ~= "linux"
end

--- A renderer: an object with event(e), tick() (gives the seconds until it must be called again, nil for never) and
--- close([done]), after which there is nothing live on a terminal; with true when the policy has done its work. Events may
--- follow all the same. `alive_every`: the seconds of silence after which it wants an `alive` event; nil: none.
---@param options molbuild.ProgressOptions?
---@return { event: fun(self, e: table), tick: (fun(self): number?), close: fun(self, done: boolean?), alive_every: number? }
---@return molbuild.Stream stream  to stderr: its finish() comes last
function progress.choose(options)
  local output = stream.new()
  local all = {}
  for name, value in pairs(defaults) do
    all[name] = value
  end
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  all.write = all.write or function(text, spare) return output:write(text, spare) end
  all.is_free = all.is_free or function() return output:is_free() end
  all.color = wants_color(all)
  all.unicode = is_unicode(all.getenv)
  all.reflows = reflows(all.getenv)
  all.width = all.width or core.width
  local renderer = require(RENDERERS[mode_for(all)]).new(all)
  output.renderer = renderer
  return renderer, output
end

return progress

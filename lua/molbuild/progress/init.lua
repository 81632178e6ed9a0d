-- Selects the renderer of a run, by --progress, --color, -v and the type of stderr.

local core = require "molbuild.core"
local env = require "molbuild.base.env"
local stream = require "molbuild.progress.stream"

local STDERR = 2

local progress = {}

---@class molbuild.ProgressOptions
---@field mode "auto"|"tty"|"plain"|"json"|"quiet"|nil  auto when absent
---@field verbose boolean?  show every output line
---@field color "auto"|"always"|"never"|nil  auto when absent
---@field words molbuild.Words?  neutral ones when absent; may be filled in later
---@field several boolean?  whether there are several runtimes; detected when absent
---@field write fun(text: string, spare: boolean?)?  the other fields: stderr and this process when absent; spare: build
---  output, which is dropped before molbuild's own reports; returns true when the reader is slow
---@field is_free (fun(): boolean)?  whether all output has been written
---@field isatty (fun(): boolean)?
---@field getenv (fun(name: string): string?)?
---@field columns (fun(): integer?)?
---@field rows (fun(): integer?)?
---@field now (fun(): number)?  seconds, monotonic
---@field last_words (fun(text: string))?  see molbuild.progress.screen
---@field continued (fun(): boolean)?  whether the program has been continued after a stop
---@field in_foreground (fun(): boolean)?  whether molbuild is in the terminal's foreground
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

-- --color is the newer of the two: it overrides NO_COLOR.
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

-- xterm and screen crop their lines when they become narrower; all other terminals in use wrap them.
local function reflows(getenv)
  local term = getenv("TERM") or ""
  if term:find("^xterm") then
    return not set(getenv, "XTERM_VERSION")
  end
  return not (term:find("^screen") and set(getenv, "STY")) and term ~= "linux"
end

--- A renderer: an object with event(e), tick() and close([done]). tick() returns the seconds until its next call, nil for
--- none. After close() nothing live is on a terminal; its argument is true when the policy has finished. Events may still
--- follow. `alive_every`: the seconds of silence after which it needs an `alive` event; nil: none.
---@param options molbuild.ProgressOptions?
---@return { event: fun(self, e: table), tick: (fun(self): number?), close: fun(self, done: boolean?), alive_every: number? }
---@return molbuild.Stream stream  to stderr; call its finish() last
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

local progress = require "molbuild.progress"

local MODULES = { "tty", "plain", "json", "quiet" }

-- Which renderer it is, for an environment and a stderr that is a terminal or not.
local function chosen(options, env, terminal)
  options.write = options.write or function() end
  options.isatty = function()
    return terminal
  end
  options.getenv = function(name)
    return env[name]
  end
  local renderer = progress.choose(options)
  for _, name in ipairs(MODULES) do
    local class = getmetatable(require("molbuild.progress." .. name).new { width = {}, write = options.write })
    if getmetatable(renderer) == class then
      return name, renderer
    end
  end
end

describe("progress.choose", function()
  it("draws live lines on a terminal", function()
    assert.equal("tty", chosen({}, { TERM = "xterm" }, true))
    assert.equal("tty", chosen({ mode = "auto" }, { TERM = "xterm" }, true))
  end)

  it("writes plain lines where stderr is no terminal", function()
    assert.equal("plain", chosen({}, { TERM = "xterm" }, false))
  end)

  it("writes plain lines on a terminal that cannot move its cursor", function()
    assert.equal("plain", chosen({}, { TERM = "dumb" }, true))
    assert.equal("plain", chosen({}, { TERM = "" }, true))
    assert.equal("plain", chosen({}, {}, true))
  end)

  it("writes plain lines in CI", function()
    assert.equal("plain", chosen({}, { TERM = "xterm", CI = "true" }, true))
    assert.equal("plain", chosen({}, { TERM = "xterm", CI = "woodpecker" }, true))
    for _, no in ipairs { "", "0", "false", "False", "no", "off" } do
      assert.equal("tty", chosen({}, { TERM = "xterm", CI = no }, true))
    end
  end)

  for _, mode in ipairs(MODULES) do
    it("uses the given mode: " .. mode, function()
      assert.equal(mode, chosen({ mode = mode }, { TERM = "dumb" }, false))
    end)
  end
end)

describe("colour", function()
  -- Whether a failure shown on a terminal has colours.
  local function colored(color, env, terminal)
    local out = {}
    local _, renderer = chosen({
      mode = "plain",
      color = color,
      write = function(s)
        out[#out + 1] = s
      end,
    }, env, terminal)
    renderer:event { event = "failed", runtime = "hermes", step = "build", kind = "build", message = "m" }
    return table.concat(out):find("\27[31m", 1, true) ~= nil
  end

  it("is for terminals", function()
    assert.is_true(colored("auto", { TERM = "xterm" }, true))
    assert.is_true(colored(nil, { TERM = "xterm" }, true))
    assert.is_false(colored("auto", { TERM = "xterm" }, false))
    assert.is_false(colored("auto", { TERM = "dumb" }, true))
  end)

  it("is off with NO_COLOR, unless that is empty", function()
    assert.is_false(colored("auto", { TERM = "xterm", NO_COLOR = "1" }, true))
    assert.is_true(colored("auto", { TERM = "xterm", NO_COLOR = "" }, true))
  end)

  it("is as --color says before all", function()
    assert.is_true(colored("always", { NO_COLOR = "1" }, false))
    assert.is_false(colored("never", { TERM = "xterm" }, true))
  end)
end)

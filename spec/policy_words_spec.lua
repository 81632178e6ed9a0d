-- How a run is shown is the policy's to say: its field `words`.
local run = require "spec.support.run"
local policy_words = require "molbuild.policy.words"
local sh = require "spec.support.sh"

-- A policy of somebody's own, with one job; WORDS are its words, or "nil".
local POLICY = [[
return { words = %s, run = function()
  return table.unpack(molbuild.job.run_all({ { runtime = "one", tag = "image:1", outcome = "kept" } }, function(job)
    molbuild.job.step(job, "fetch", function() molbuild.log.info "here" end)
    %s
    return job.tag
  end))
end }
]]

describe("the words of a policy", function()
  local dir

  before_each(function() dir = sh.temporary "words" end)
  after_each(function() sh.remove(dir) end)

  local function shown(words, last, mode)
    sh.write(dir .. "/own.lua", POLICY:format(words, last or ""))
    local result = run.run { args = { "run", "--progress=" .. (mode or "plain"), dir .. "/own.lua" } }
    return (result.stderr:gsub("%S*/own.lua", "own.lua")), result
  end

  it("are neutral where it has none", function()
    assert.equal("molbuild: running own.lua\nmolbuild: here\nmolbuild: image:1 kept\n", (shown "nil"))
    assert.equal("molbuild: one: failed\nmolbuild: no\n", (shown("nil", 'molbuild.raise { message = "no" }', "quiet")))
  end)

  it("are in each line: the prefix, the outcomes, the steps that take long", function()
    local words = '{ prefix = "own", outcomes = { kept = "kept as it was" }, slow = { "fetch" } }'
    assert.equal("own: running own.lua\nfetch\nown: here\nfetch done in 0s\nown: image:1 kept as it was\n", (shown(words)))
    assert.equal("own: one: failed\nmolbuild: own: no\n", (shown(words, 'molbuild.raise { message = "no" }', "quiet")))
  end)

  it("name the outcome that needs one line", function()
    assert.equal("molbuild: running own.lua\nmolbuild: here\nmolbuild: image:1 kept\n", (shown '{ unchanged = "built" }'))
    sh.write(dir .. "/own.lua", POLICY:format('{ unchanged = "kept" }', ""):gsub('molbuild.log.info "here"', ""))
    local result = run.run { args = { "run", "--progress=plain", dir .. "/own.lua" } }
    assert.equal(("molbuild: image:1 kept (%s/own.lua)\n"):format(dir), result.stderr)
  end)

  for words, fault in pairs {
    ['"own"'] = "words must be a table, not a string",
    ["{ prefix = 7 }"] = "words.prefix must be a string, not a number",
    ['{ slow = "build" }'] = "words.slow must be a table, not a string",
    ['{ prefx = "own" }'] = "words.prefx: no such field",
    ["{ slow = { clone = true } }"] = "words.slow must be a list of steps: [clone] is not",
    ["{ slow = { 7 } }"] = "words.slow must be a list of steps: [1] is not",
    ['{ outcomes = { "hit" } }'] = "words.outcomes must be a table of outcome = text: [1] is not",
    ["{ outcomes = { hit = 1 } }"] = "words.outcomes must be a table of outcome = text: [hit] is not",
  } do
    it("are checked when it is loaded: " .. fault, function()
      local text, result = shown(words)
      assert.equal(70, result.status)
      assert.truthy(text:find("own.lua: " .. fault .. "\n", 1, true), text)
      assert.equal("", result.stdout)
    end)
  end

  it("of ensure.lua are good ones, and a fork's to change", function()
    local molbuild = require "molbuild"
    assert.is_nil(policy_words.fault(molbuild.load("scripts/ensure.lua").words))
    sh.write(dir .. "/fork.lua", 'local ensure = molbuild.load "ensure.lua"\nensure.words.prefix = "fork"\nreturn ensure\n')
    local result = run.run { args = { "run", dir .. "/fork.lua" } }
    assert.truthy(result.stderr:find("molbuild: fork: no runtime named", 1, true), result.stderr)
  end)
end)

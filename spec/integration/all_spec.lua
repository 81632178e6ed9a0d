-- --all, where the forge has some of the runtimes, or none.
local record = require "spec.support.record"
local world = require "spec.support.world"

describe("--all", function()
  local w

  setup(function()
    w = world.new()
  end)

  teardown(function()
    world.remove_images()
    w:close()
  end)

  local function named(list, runtime)
    for _, object in ipairs(list) do
      if object.runtime == runtime then
        return object
      end
    end
  end

  it("fails when the forge has none of them: with an object for each, and with the exit status 6", function()
    local run = w:run { "run", "--output=json", "ensure.lua", "--all" }
    assert.equal(6, run.status, run.stderr)
    local results = record.results(run.stdout)
    assert.equal(9, #results)
    for _, result in ipairs(results) do
      assert.same({ "failed", "not_found", 6, false },
        { result.outcome, result.error.kind, result.error.exit, result.error.retry })
    end
  end)

  it("skips what the forge does not have, with one warning each, and never what is named as well", function()
    w:commit("org", "hermes", world.template_files "hermes")
    local run = w:run { "run", "ensure.lua", "--all" }
    assert.equal(0, run.status, run.stderr)
    assert.truthy(run.stdout:find "^molecule%-local/workspace%-template%-hermes:%x+\n$", run.stdout)
    local _, warnings = run.stderr:gsub("local%-build: [%w-]+: warning: skipped: cannot determine HEAD", "")
    assert.equal(8, warnings, run.stderr)

    run = w:run { "run", "--progress=json", "--output=json", "ensure.lua", "--all", "codex" }
    assert.equal(6, run.status, run.stderr)
    local results = record.results(run.stdout)
    assert.same({ 3, "hit", "not_found" },
      { #results, named(results, "hermes").outcome, named(results, "codex").error.kind })
    local list = record.events(run.stderr)
    assert.equal(1, #record.named(list, "failed"))
    assert.is_true(record.named(list, "job_ended", "crewai")[1].skipped)
  end)
end)

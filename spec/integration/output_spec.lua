-- What becomes of the program's own output: stdout and stderr that cannot be written, or are not read.
local record = require "spec.support.record"
local world = require "spec.support.world"

local BUILD = os.getenv "BUILD" or "build"

describe("molbuild's own output", function()
  local w

  before_each(function()
    w = world.new { forge = false }
  end)

  after_each(function()
    w:close()
  end)

  local function policy(body)
    world.write(w.dir .. "/p.lua", ("return { run = function()\n%s\nend }"):format(body))
    return w.dir .. "/p.lua"
  end

  local function unread(descriptor, kind)
    return ("%s/test/unread %s %s %s/got"):format(BUILD, descriptor, kind, w.dir)
  end

  describe("when the reader of stderr has gone", function()
    for _, mode in ipairs { "plain", "json", "quiet" } do
      it("is no reason to stop, with --progress=" .. mode, function()
        local path = policy 'molbuild.log.info "before" molbuild.core.sys.sleep(0.01) molbuild.log.info "after" return "it"'
        local run = w:run({ "run", "--progress=" .. mode, path }, nil, nil, unread(2, "gone"))
        assert.equal(0, run.status)
        assert.equal("it\n", run.stdout)
      end)
    end

    it("is none for help and mistakes, either", function()
      assert.equal(2, w:run({ "run", "--nonsense" }, nil, nil, unread(2, "gone")).status)
    end)
  end)

  describe("the result", function()
    it("is not printed when the trace cannot be written", function()
      local path = policy(('os.remove "%s/t/t.json" os.remove "%s/t" return "it"'):format(w.dir, w.dir))
      world.sh("mkdir " .. w.dir .. "/t")
      local run = w:run { "run", "--trace=" .. w.dir .. "/t/t.json", path }
      assert.equal(1, run.status)
      assert.equal("", run.stdout)
      assert.truthy(run.stderr:find("--trace: ", 1, true), run.stderr)
    end)

    it("that cannot be written is a failure, in the trace, too", function()
      local trace = w.dir .. "/t.json"
      local run = w:run({ "run", "--progress=json", "--trace=" .. trace, policy 'return "it"' }, nil, ">/dev/full")
      assert.equal(1, run.status)
      local failed = record.named(record.events(run.stderr), "failed")
      assert.equal(1, #failed)
      assert.truthy(failed[1].message:find("^cannot write the result: .*No space left"), failed[1].message)
      local text = world.read(trace)
      assert.truthy(text:find('"exit":1', 1, true), text)
      assert.is_nil(text:find('"exit":0', 1, true), text)
    end)

    it("stands in a trace that says how the run ended", function()
      local trace = w.dir .. "/t.json"
      local run = w:run { "run", "--trace=" .. trace, policy 'return "it"' }
      assert.equal("it\n", run.stdout)
      assert.truthy(world.read(trace):find('"name":"run [^}]*"args":{[^}]*"exit":0'), world.read(trace))
    end)
  end)
end)

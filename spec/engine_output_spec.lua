local core = require "molbuild.core"
local docker_output = require "molbuild.engine.output"
local task = require "molbuild.base.task"

-- What a build prints, by BuildKit, by the classic builder and by podman.
local OUTPUT = {
  "#0 building with \"default\" instance using docker driver",
  "#1 [internal] load build definition from Dockerfile",
  "#1 transferring dockerfile: 37B done",
  "#1 DONE 0.0s",
  "#5 [1/9] FROM docker.io/library/python:3.11",
  "#5 sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b 4.19MB / 4.19MB",
  "#12 [stage-1 4/9] RUN pip install -r requirements.txt",
  "#12 0.413 Collecting flask",
  "#12 13.0   Downloading pydantic_core-2.33.2-cp311-cp311-manylinux_2_17_x86_64.whl (2.0 MB)",
  "#12 CACHED",
  "#12 ERROR: executor failed",
  "#13 exporting to image",
  "#13 exporting layers",
  "#14 unpacking to docker.io/molecule-local/workspace-template-hermes:0123456789ab",
  "#14 unpacking to docker.io/molecule-local/workspace-template-hermes:0123456789ab 0.3s done",
  "#13 exporting layers 2.1s done",
  "#15 exporting to image",
  "#15 CANCELED",
  "Sending build context to Docker daemon  2.048kB",
  "Step 1/2 : FROM scratch",
  " ---> 0123456789ab",
  "Successfully built 0123456789ab",
  "STEP 1/3: FROM scratch",
  "[2/2] STEP 3/5: COPY a b",
  "--> 0123456789ab",
}

-- What is made of the lines that reach it.
local function follow()
  local quiet, seen = docker_output.quiet_phases "buildkit", {}
  return seen, function(line)
    local done, total, text = docker_output.step(line)
    if done then
      seen[#seen + 1] = ("%d/%d %s"):format(done, total, text)
    end
    local now = quiet(line)
    if now ~= seen.quiet then
      seen[#seen + 1] = now and "quiet" or "loud"
      seen.quiet = now
    end
  end
end

describe("a build's output", function()
  it("gives the same steps from the selected lines as from all of it", function()
    local all, take = follow()
    for _, line in ipairs(OUTPUT) do
      take(line)
    end
    local some, take_told = follow()
    local selected = {}
    task.run(function()
      assert(core.process.run {
        argv = { "printf", "%s\\n", table.unpack(OUTPUT) },
        only = docker_output.step_lines,
        on_line = function(line)
          selected[line] = true
          take_told(line)
        end,
      })
    end)
    assert.same({
      "loud", "1/9 FROM docker.io/library/python:3.11", "4/9 RUN pip install -r requirements.txt", "quiet", "loud", "quiet",
      "loud", "1/2 FROM scratch", "1/3 FROM scratch", "3/5 COPY a b", quiet = false,
    }, all)
    assert.same(all, some)
    assert.is_nil(selected["#12 0.413 Collecting flask"])
    assert.is_nil(selected[" ---> 0123456789ab"])
  end)
end)

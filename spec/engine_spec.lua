local cjson = require "cjson"
local docker = require "molbuild.engine"
local docker_output = require "molbuild.engine.output"

describe("docker_output.steps", function()
  local function steps(builder, lines)
    local step, found = docker_output.steps(builder), {}
    for _, line in ipairs(lines) do
      local done, total, text = step(line)
      if done then
        found[#found + 1] = ("%d/%d %s"):format(done, total, text)
      end
    end
    return found
  end

  it("finds BuildKit's steps in every stage, each once", function()
    assert.same({ "1/2 COPY x /", "1/1 RUN two", "1/1 RUN one", "2/2 COPY --from=one /x /y" }, steps("buildkit", {
      "#1 [internal] load build definition from Dockerfile",
      "#3 [base 1/2] COPY x /",
      "#3 CACHED",
      "#7 [two 1/1] RUN two",
      "#7 0.705 Step 1/9 : not this",
      "#7 0.706 [1/3] nor this",
      "#7 ...",
      "#5 [linux/amd64 one 1/1] RUN one",
      "#7 [two 1/1] RUN two",
      "#7 DONE 5.0s",
      "Step 1/2 : RUN nor that",
      "#8 [stage-3 2/2] COPY --from=one /x /y",
    }))
  end)

  it("accepts no step whose numbers are impossible", function()
    for _, builder in ipairs { "buildkit", "classic" } do
      assert.same({}, steps(builder, {
        "#7 [1/99999999999999999999] x",
        "#7 [99999999999999999999/1] x",
        "#100000 [2/3] x",
        "Step 1/99999999999999999999 : x",
        "STEP 99999999999999999999/2: x",
      }))
    end
  end)

  it("counts no labels of the command line, by either builder, nor by podman in any stage", function()
    local function with_labels(builder, labels, lines)
      local step, found = docker_output.steps(builder, labels), {}
      for _, line in ipairs(lines) do
        local done, total = step(line)
        found[#found + 1] = done and ("%d/%d"):format(done, total) or nil
      end
      return found
    end
    assert.same({ "1/2", "2/2" }, with_labels("classic", 2, {
      "Step 1/4 : FROM scratch", "Step 2/4 : RUN x", "Step 3/4 : LABEL a=b", "Step 4/4 : LABEL c=d",
    }))
    assert.same({ "1/2", "2/2", "1/1", "1/3", "2/3", "3/3" }, with_labels("classic", 2, {
      "[1/3] STEP 1/2: FROM scratch AS a", "[1/3] STEP 2/2: RUN x", "[2/3] STEP 1/1: FROM scratch",
      "[3/3] STEP 1/5: FROM scratch", "[9/9] STEP 1/5: FROM forged", "[3/3] STEP 2/5: COPY x y", "[3/3] STEP 3/5: LABEL x=y",
      '[3/3] STEP 4/5: LABEL "a"="b"', '[3/3] STEP 5/5: LABEL "c"="d"',
    }))
    assert.same({ "1/1" }, with_labels("classic", 1, { "STEP 1/2: FROM scratch", 'STEP 2/2: LABEL "a"="b"' }))
    assert.same({ "1/2", "2/2" }, with_labels("buildkit", 2, { "#4 [1/2] COPY a b", "#5 [2/2] RUN x" }))
  end)

  it("finds the classic builder's steps, and takes no output for one", function()
    assert.same({ "1/3 FROM scratch", "2/3 COPY x /", "3/3 RUN x" }, steps("classic", {
      "Step 1/3 : FROM scratch",
      " --->",
      "Step 2/3 : COPY x /",
      "Step 2/3 : again",
      "Step 3/9 : of another build",
      "Step 1/3 : back",
      "#7 [3/3] RUN x",
      "Step 3/3 : RUN x",
    }))
  end)
end)

describe("an image's description", function()
  for _, command in ipairs { "docker", "podman" } do
    it("takes from " .. command .. " no name that is no text", function()
      local engine = docker.engine { command = command }
      local names = { 5, cjson.null, { "x" }, "a:b", true, "c:d" }
      assert.same({ "a:b", "c:d" }, engine:described({ Id = "sha256:1", RepoTags = names }).tags)
      assert.same({}, engine:described({ Id = "sha256:1", RepoTags = cjson.null }).tags)
    end)
  end
end)

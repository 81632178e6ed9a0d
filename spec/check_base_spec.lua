-- Whether base images have moved: what a registry is asked, by the engine or its program, and what is compared.
local check_base = require "molbuild.machine.check_base"
local core = require "molbuild.core"
local encode = require "molbuild.progress.encode"
local errors = require "molbuild.base.errors"
local record = require "molbuild.machine.record"
local remote = require "molbuild.engine.remote"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

local A, B, C = "sha256:" .. ("a"):rep(64), "sha256:" .. ("b"):rep(64), "sha256:" .. ("c"):rep(64)
local ID = "sha256:" .. ("d"):rep(64)

describe("what a registry has under a name", function()
  local engine, asked, answers

  before_each(function()
    asked, answers = {}, {}
    engine = { command = "docker" }
    function engine.run(_, argv, more)
      asked[#asked + 1] = table.concat(argv, " ")
      assert.equal(7, more.timeout)
      local answer = answers.program
      if errors.is(answer) then error(answer, 0) end
      return { code = answer and 0 or 1, stdout = answer, tail = "no such manifest: debian:12\n" }
    end
    engine.api = {
      value = function(_, method, path, seconds)
        asked[#asked + 1] = ("%s %s %d"):format(method, path, seconds)
        return answers.engine, not answers.engine and "unauthorized" or nil
      end,
    }
  end)

  local function find()
    local found, message
    task.run(function() found, message = remote.find(engine, "debian:12", 7) end)
    return found, message
  end

  it("is what the engine says, without a program", function()
    answers.engine = { Descriptor = { digest = A } }
    assert.equal(A, find().root)
    assert.same({ "GET /distribution/debian:12/json 7" }, asked)
  end)

  it("is what the program says where the engine is refused, or has no such API", function()
    answers.program = encode.value {
      { Descriptor = { digest = A }, SchemaV2Manifest = { config = { digest = ID } } }, { Descriptor = { digest = B } },
    }
    local found = find()
    assert.same({ nil, { [A] = true, [B] = true }, { [ID] = true } }, { found.root, found.manifests, found.configs })
    assert.equal("manifest inspect -v debian:12", asked[2])
    answers.program = encode.value { Descriptor = { digest = A }, OCIManifest = { config = { digest = ID } } }
    found = find()
    assert.same({ A, { [ID] = true } }, { found.root, found.configs })
    engine.has_buildx, engine.api = true, nil
    answers.program = encode.value { digest = C, manifests = { { digest = A } } }
    found = find()
    assert.same({ C, { [A] = true } }, { found.root, found.manifests })
    assert.equal("buildx imagetools inspect --format {{json .Manifest}} debian:12", asked[#asked])
  end)

  it("is what podman says, of a list and of a single manifest", function()
    engine.podman, engine.command = true, "podman"
    answers.program = encode.value { manifests = { { digest = A }, { digest = "x" }, 7 } }
    assert.same({ [A] = true }, find().manifests)
    answers.program = '{"config":{"digest":"' .. ID .. '"}}'
    assert.same({ [ID] = true }, find().configs)
    assert.equal("manifest inspect debian:12", asked[1])
  end)

  it("is not known when neither gives a usable answer, or the program takes too long", function()
    local found, message = find()
    assert.same({ nil, "no such manifest: debian:12" }, { found, message })
    for _, answer in ipairs { "", "7", "[]", "{}", '[{"Descriptor":7}]', '{"Descriptor":{"digest":"sha256:1"}}' } do
      answers.program = answer
      found, message = find()
      assert.same({ nil, "docker gave no usable answer" }, { found, message }, answer)
    end
    answers.program = errors.new { kind = "timeout", message = "no end within 7 s" }
    assert.same({ nil, "no end within 7 s" }, { find() })
  end)
end)

describe("the base images of an image", function()
  local dir, job, now, find

  before_each(function()
    dir, now, find = sh.temporary "check_base", {}, remote.find
    job = {
      cache = dir, runtime = "hermes", tag = "x:000000000000", sha = ("0"):rep(40), branch = "main",
      target_platform = "linux/amd64", repo_url = "https://forge.example/t", image_id = ID,
      engine = {
        builder = function() return "classic" end, image = function() return { id = ID, labels = job.image_labels or {} } end,
      },
    }
    remote.find = function(_, name)
      local answer = now[name]
      if not answer then return nil, "connection refused" end
      return { root = answer.root, manifests = answer.manifests or {}, configs = answer.configs or {} }
    end
  end)
  after_each(function()
    remote.find = find
    sh.remove(dir)
  end)

  local function state(list)
    job.bases = list
    task.run(function()
      local open <close> = record.begin(job)
      open:good()
    end)
    return check_base.run(job)
  end

  it("are the same where the registry has one of their digests, or the engine's id", function()
    now["debian:12"] = { root = A, manifests = { [B] = true }, configs = { [ID] = true } }
    assert.equal("same", state { { name = "debian:12", digest = A } })
    assert.equal("same", state { { name = "debian:12", digest = C, digests = { C, B } } })
    assert.equal("same", state { { name = "debian:12", digest = C, id = ID } })
    assert.equal("same", state { { name = "debian:12@" .. C, digest = C } })
    assert.equal("same", state {})
  end)

  it("have moved where it has another, as both digests show", function()
    now["debian:12"] = { root = B }
    assert.same({ "moved", "the base image debian:12 moved aaaaaaaaaaaa -> bbbbbbbbbbbb, --pull builds with it" },
      { state { { name = "debian:12", digest = A } } })
    now["debian:12"] = { configs = { [ID] = true } }
    assert.equal("moved", (state { { name = "debian:12", digest = A, id = B } }))
    job.engine.podman = true
    now["debian:12"] = { manifests = { [C] = true } }
    assert.equal("moved", (state { { name = "debian:12", digest = A, digests = { A, B } } }))
    now.other = nil
    assert.equal("moved", (state { { name = "other", digest = A }, { name = "debian:12", digest = A, digests = { A, B } } }))
  end)

  it("are unknown where nothing can be compared, or nothing answers, with the reason", function()
    now["debian:12"] = { manifests = { [B] = true } }
    for words, list in pairs {
      ["the digests of the base image debian:12 cannot be compared"] = { { name = "debian:12", digest = A } },
      ["the digest of the base image debian:12 is not known"] = { { name = "debian:12" } },
      ["the base image own:1 is this machine's own"] = { { name = "own:1", id = ID } },
      ["the registry of the base image other:1 gives no answer: connection refused"] = { { name = "other:1", digest = A } },
      ["the base image $X is not known"] = { { text = "$X" } },
    } do
      assert.same({ "unknown", words }, { state(list) })
    end
    assert.same({ "unknown", "the base images are not known" }, { state(nil) })
  end)

  it("are those of the labels where there is no record of the very image", function()
    now["docker.io/library/debian:12"] = { root = B }
    local words = "there is no record of the image, and it has no labels of its base"
    assert.same({ "unknown", words }, { check_base.run(job) })
    job.image_labels = {
      ["org.opencontainers.image.base.name"] = "docker.io/library/debian:12", ["org.opencontainers.image.base.digest"] = A,
    }
    assert.equal("moved", (check_base.run(job)))
    job.image_labels["org.opencontainers.image.base.digest"] = ""
    assert.same({ "unknown", words }, { check_base.run(job) })
    assert.is_nil(core.fs.lstat(dir .. "/hermes"))
  end)
end)

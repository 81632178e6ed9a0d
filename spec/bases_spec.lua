-- The images that a build begins with: as the engine has them, and as BuildKit names them.
local base64 = require "molbuild.base.base64"
local bases = require "molbuild.machine.bases"
local errors = require "molbuild.base.errors"
local json = require "molbuild.base.json"
local record = require "molbuild.machine.record"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

local A, B = "sha256:" .. ("a"):rep(64), "sha256:" .. ("b"):rep(64)
local NAME, DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"

describe("the base images of a build", function()
  local dir, job, images, engine

  before_each(function()
    dir, images = sh.temporary "bases", {}
    engine = { image = function(_, name) return images[name] end }
    job = { cache = dir, runtime = "hermes", dir = dir, engine = engine, builder = "classic", tag = "t:1" }
    images["debian:12"] = { id = "sha256:d", digests = { "debian@" .. A }, layers = { "one" }, tags = { "debian:12" } }
  end)
  after_each(function() sh.remove(dir) end)

  local function find(source, build_args)
    sh.write(dir .. "/Dockerfile", source)
    local found
    task.run(function() found = bases.find(job, build_args or {}) end)
    return found
  end

  --- What the record has of a build of SOURCE: its bases, and its labels. DURING is called while it is built.
  local function build(source, during)
    local found = find(source)
    local labels = found:labels()
    if during then during(found) end
    local built = { id = "sha256:x", layers = { "one", "two" } }
    task.run(function()
      local _ <close> = found
      found:settle(built)
    end)
    return job.bases, { labels[NAME], labels[DIGEST] }
  end

  it("are whole names with their registry and their tag", function()
    for name, whole in pairs {
      debian = "docker.io/library/debian:latest", ["debian:12"] = "docker.io/library/debian:12", ["a/b"] = "docker.io/a/b:latest",
      ["ghcr.io/a/b:1"] = "ghcr.io/a/b:1", ["localhost/b"] = "localhost/b:latest", ["127.0.0.1:5000/b:1"] = "127.0.0.1:5000/b:1",
      ["docker.io/debian"] = "docker.io/library/debian:latest", ["debian:12@" .. A] = "docker.io/library/debian:12",
      ["debian@" .. A] = "docker.io/library/debian",
    } do
      assert.equal(whole, bases.qualified(name))
    end
  end)

  it("that are named by a digest are known, whatever the builder is", function()
    for _, kind in ipairs { "classic", "buildkit" } do
      job.builder = kind
      local list, labels = build("FROM debian:12@" .. B .. "\n")
      assert.equal(B, list[1].digest)
      assert.same({ "docker.io/library/debian:12", B }, labels)
    end
  end)

  it("are those that the engine has, if the image begins with their layers", function()
    local list, labels = build "FROM debian:12\n"
    assert.same({ A, "sha256:d" }, { list[1].digest, list[1].id })
    assert.same({ "docker.io/library/debian:12", A }, labels)
    job.builder = "buildkit"
    assert.equal(A, build("FROM debian:12\n")[1].digest)
    images["debian:12"].layers = { "other" }
    local ok, failure = pcall(build, "FROM debian:12\n")
    assert.is_false(ok)
    assert.same({ "build", true }, { failure.kind, errors.retry(failure) })
    images["debian:12"].layers = nil
    list, labels = build "FROM debian:12\n"
    assert.same({ nil, nil, "docker.io/library/debian:12", "" }, { list[1].digest, list[1].id, table.unpack(labels) })
  end)

  it("are known after a build that pulled them, and then no label promised a digest", function()
    local debian = images["debian:12"]
    images["debian:12"] = nil
    local list, labels = build("FROM debian:12\n", function() images["debian:12"] = debian end)
    assert.equal(A, list[1].digest)
    assert.same({ "docker.io/library/debian:12", "" }, labels)
    job.pull_base = true
    list, labels = build "FROM debian:12\n"
    assert.same({ A, "" }, { list[1].digest, labels[2] })
    job.builder = "buildkit" -- what it has fetched is not what the engine has
    assert.is_nil(build("FROM debian:12\n")[1].digest)
  end)

  it("that are replaced while the image is built are an error, since a label would name another one", function()
    local ok, failure = pcall(build, "FROM debian:12\n", function()
      images["debian:12"] = { id = "sha256:e", digests = { "debian@" .. B }, layers = { "one" } }
    end)
    assert.is_false(ok)
    assert.equal("t:1: the base image debian:12 was replaced while the image was built", failure.message)
  end)

  it("keep the digest of the label where the same image gets one more while it is used", function()
    local debian = images["debian:12"]
    debian.digests = { "debian@" .. B }
    local list, labels = build("FROM debian:12\n", function() debian.digests = { "debian@" .. A, "debian@" .. B } end)
    assert.same({ B, { A, B } }, { list[1].digest, list[1].digests })
    assert.same({ "docker.io/library/debian:12", B }, labels)
  end)

  it("of this machine's own have an id, and no digest", function()
    images["molecule-local/base:1"] = { id = "sha256:f", layers = { "one" } }
    local list, labels = build "FROM molecule-local/base:1\n"
    assert.same({ nil, "sha256:f" }, { list[1].digest, list[1].id })
    assert.same({ "molecule-local/base:1", "" }, labels)
  end)

  it("have empty labels where they are not known, so that those of the base are not inherited, and none from scratch", function()
    local list, labels = build "FROM debian:$TARGETARCH\n"
    assert.same({ nil, "debian:$TARGETARCH", "", "" }, { list[1].name, list[1].text, table.unpack(labels) })
    list, labels = build "# syntax=example.com/x\nFROM debian:12\n"
    assert.same({ nil, "", "" }, { list, table.unpack(labels) })
    list, labels = build "FROM scratch\n"
    assert.same({ {}, {} }, { list, labels })
  end)

  it("of stages and of copied files are known where the engine itself built, and not of BuildKit", function()
    images["tool:1"] = { id = "sha256:1", digests = { "tool@" .. B } }
    local source = "FROM tool:1 AS a\nFROM debian:12\nCOPY --from=a /x /\n"
    assert.equal(B, build(source)[1].digest)
    job.builder = "buildkit"
    assert.is_nil(build(source)[1].digest)
  end)

  it("of podman's short names are named by the image, and have all digests that it has", function()
    engine.podman = true
    images["debian:12"].tags = { "docker.io/library/debian:12" }
    images["debian:12"].digests = { "docker.io/library/debian@" .. B, "docker.io/library/debian@" .. A, "other/x@" .. A }
    local list, labels = build "FROM debian:12\n"
    assert.same({ A, { A, B }, "docker.io/library/debian:12" }, { list[1].digest, list[1].digests, labels[1] })
    images["debian:12"] = nil
    list, labels = build "FROM debian:12\n"
    assert.same({ nil, "", "" }, { list[1].digest, table.unpack(labels) })
  end)

  it("are those that buildx writes of its build, in each of its forms", function()
    local info = {
      sources = { { type = "docker-image", ref = "docker.io/library/debian:12", pin = B }, { type = "git", ref = "x" } },
    }
    local material = { { uri = "pkg:docker/debian@12?platform=linux%2Famd64", digest = { sha256 = B:sub(8) } } }
    for _, metadata in ipairs {
      { ["containerimage.buildinfo"] = info },
      { ["containerimage.buildinfo"] = base64.encode(require("molbuild.progress.encode").value(info)) },
      { ["buildx.build.provenance"] = { materials = material } },
      { ["buildx.build.provenance/linux/amd64"] = { materials = material } },
      { ["buildx.build.provenance"] = { buildDefinition = { resolvedDependencies = material } } },
    } do
      engine.has_buildx, job.builder = true, "buildkit"
      local list = build("FROM debian:12\n", function(found)
        sh.write(found.metadata_file, require("molbuild.progress.encode").value(metadata))
      end)
      assert.same({ B, nil }, { list[1].digest, list[1].id })
      assert.same({}, require("molbuild.core").fs.list(dir .. "/tmp"))
    end
    local list = build("# syntax=example.com/x\n", function(found)
      sh.write(found.metadata_file, require("molbuild.progress.encode").value { ["containerimage.buildinfo"] = info })
    end)
    assert.same({ { name = "docker.io/library/debian:12", text = "docker.io/library/debian:12", digest = B } }, list)
  end)

  it("are unknown where what buildx writes is missing, broken or of another form", function()
    engine.has_buildx, job.builder = true, "buildkit"
    assert.is_nil(build("FROM debian:12\n")[1].digest)
    for _, text in ipairs {
      "", "[]", "7", '{"buildx.build.provenance":7}', '{"containerimage.buildinfo":"!"}',
      '{"buildx.build.provenance":{"materials":[7,{},{"uri":7},{"uri":"pkg:docker/debian@12"}]}}',
      '{"containerimage.buildinfo":{"sources":[{"type":"docker-image","ref":"debian:12","pin":"x"}]}}',
    } do
      assert.is_nil(build("FROM debian:12\n", function(found) sh.write(found.metadata_file, text) end)[1].digest, text)
    end
    local document = ('{"buildx.build.provenance":{"materials":[{"uri":"pkg:docker/ghcr.io%%2Fa/b@1","digest":{"sha256":"%s"}}]}}')
    assert.same({ ["ghcr.io/a/b:1"] = A }, bases.pins(document:format(A:sub(8))))
  end)

  it("are in the record, and so are those that are not known", function()
    job.sha, job.branch, job.target_platform, job.image_id = ("0"):rep(40), "main", "linux/amd64", "sha256:" .. ("c"):rep(64)
    job.repo_url, job.tag = "https://forge.example/t", "x:000000000000"
    local function written()
      task.run(function()
        local open <close> = record.begin(job)
        open:good()
      end)
      local path = record.path(dir, "hermes", job.tag)
      local found = record.read(path)
      return found.bases, found.unknown_bases, json.decode(sh.read(path)).predicate.buildDefinition.resolvedDependencies
    end
    job.bases = {
      { name = "debian:12", text = "x", digest = A, id = "sha256:d", digests = { A, B } }, { name = "b", text = "b" },
      { text = "$C" },
    }
    local known, unknown, dependencies = written()
    assert.same({ { name = "debian:12", digest = A, id = "sha256:d", digests = { A, B } }, { name = "b" } }, known)
    assert.same({ "$C" }, unknown)
    assert.same({ "docker-image://debian:12", "docker-image://b" }, { dependencies[2].uri, dependencies[3].uri })
    job.bases = {}
    assert.same({ {}, {} }, { table.unpack({ written() }, 1, 2) })
    job.bases = nil
    assert.same({ {}, { "?" } }, { table.unpack({ written() }, 1, 2) })
  end)
end)

-- The records of builds: what is written, and what is believed.
local core = require "molbuild.core"
local json = require "molbuild.base.json"
local log = require "molbuild.base.log"
local record = require "molbuild.machine.record"
local sh = require "spec.support.sh"

describe("a record", function()
  local dir, job, warn, warn_once, warnings

  before_each(function()
    dir, warnings, warn, warn_once = sh.temporary "record", {}, log.warn, log.warn_once
    log.warn = function(...) warnings[#warnings + 1] = string.format(...) end
    log.warn_once = log.warn
    job = {
      cache = dir, runtime = "hermes", tag = "local/x-hermes:0123456789ab-arm64", sha = "0123456789ab" .. ("0"):rep(28),
      branch = "main",
      target_platform = "linux/arm64", repo_url = "https://user:sesame@forge.example/org/t-hermes", build_args = { A = "b" },
      inputs = { [".runtime-version"] = "1.2" }, labels = {}, builder = "buildkit", image_id = "sha256:" .. ("c"):rep(64),
    }
  end)
  after_each(function()
    log.warn, log.warn_once = warn, warn_once
    sh.remove(dir)
  end)

  local function write(failure)
    pcall(function()
      local open <close> = record.begin(job)
      if failure then error(failure, 0) end
      open:good()
    end)
    return record.path(dir, "hermes", job.tag)
  end

  it("is read as it was written", function()
    local path = write()
    assert.equal(dir .. "/hermes/0123456789ab-arm64.json", path)
    local found = record.read(path)
    assert.same({ "hermes", job.tag, job.sha, "main", "linux/arm64", job.image_id, "buildkit" },
      { found.runtime, found.image, found.commit, found.branch, found.platform, found.image_id, found.builder })
    assert.equal("https://***@forge.example/org/t-hermes", found.repository)
    assert.same({ { A = "b" }, { [".runtime-version"] = "1.2" } }, { found.build_args, found.inputs })
    assert.is_true(math.abs(os.time() - found.finished) < 100)
    assert.is_nil(found.error)
    assert.same({}, warnings)
  end)

  it("names what the build demanded, and the secrets by their ids alone", function()
    job.secrets, job.ssh = { pip = { env = "PIP_TOKEN" }, npm = { file = "/run/npm" } }, { "default" }
    job.target, job.memory, job.cpus, job.network = "dev", 64 << 20, 1.5, "none"
    local path = write()
    local found = record.read(path)
    assert.same({
      target = "dev", memory = 64 << 20, cpus = 1.5, network = "none", secrets = { "npm", "pip" }, ssh = { "default" },
    }, found.demands)
    assert.truthy(sh.read(path):find('"secrets":["npm","pip"]', 1, true))
    assert.is_nil(sh.read(path):find("PIP_TOKEN", 1, true))
    job.secrets, job.ssh, job.target, job.memory, job.cpus, job.network = {}, nil, nil, nil, nil, nil
    assert.same({}, record.read(write()).demands)
  end)

  it("has the error of a build that failed, and no image", function()
    local found = record.read(write { kind = "nonsense", message = "no" })
    assert.is_nil(found.image_id)
    assert.is_table(found.error)
    found = record.read(write(require("molbuild.base.errors").new { kind = "build", message = "step 2", log = "/l" }))
    assert.same({ kind = "build", exit = 8, message = "step 2", log = "/l", retry = false }, found.error)
  end)

  it("of a working tree names its directory and its digest, and no branch", function()
    job.working_tree, job.repo_url, job.sha = "/srv/t", "file:///srv/t", ("0123456789abcdef"):rep(4)
    local path = write()
    local found = record.read(path)
    assert.same({ "file:///srv/t", "", job.sha, job.image_id }, { found.repository, found.branch, found.commit, found.image_id })
    assert.is_nil(sh.read(path):find("gitCommit", 1, true))
    write(require("molbuild.base.errors").new { kind = "build", message = "no" })
    assert.is_nil(record.failed(job).image_id)
  end)

  it("of a build that failed leaves the one of a former image, and goes with the next that succeeds", function()
    assert.is_nil(record.failed(job))
    local failure = require("molbuild.base.errors").new { kind = "build", message = "no" }
    local path = write(failure)
    assert.same({ "no", "no" }, { record.read(path).error.message, record.failed(job).error.message })
    write()
    assert.is_nil(record.failed(job))
    local good = sh.read(path)
    for _ = 1, 2 do write(failure) end
    assert.same({ good, "no" }, { sh.read(path), record.failed(job).error.message })
    assert.equal(384, require("molbuild.core").fs.lstat(path .. ".failed").mode)
    assert.equal(1, #record.list(dir))
    write()
    assert.is_nil(record.failed(job))
    assert.same({ "0123456789ab-arm64.json" }, require("molbuild.core").fs.list(dir .. "/hermes"))
  end)

  it("is not written after a cancellation, nor of a build that did not come about", function()
    local path = write(require("molbuild.base.errors").new { kind = "cancelled", message = "stop" })
    assert.is_nil(core.fs.lstat(path))
    do local _ <close> = record.begin(job) end
    assert.is_nil(core.fs.lstat(path))
  end)

  it("that cannot be written is a warning", function()
    sh.write(dir .. "/hermes", "a file")
    write()
    assert.equal(1, #warnings)
    assert.truthy(warnings[1]:find("no record of the build was written", 1, true))
  end)

  it("is ignored with one line when it is broken, large, foreign or of another kind", function()
    local path = write()
    local good = sh.read(path)
    local large, other = (" "):rep(record.MAX) .. good, good:gsub("gitCommit", "other")
    for _, text in ipairs { "", "{", "[]", '"x"', '{"_type":"x"}', other, large } do
      warnings = {}
      sh.write(path, text)
      assert.is_nil(record.read(path), text:sub(1, 60))
      assert.equal(1, #warnings, text:sub(1, 60))
      assert.truthy(warnings[1]:find(path .. " is ignored: ", 1, true))
    end
    sh.write(path, good)
    sh.run("chmod 666 " .. path)
    assert.is_nil(record.read(path))
    sh.run(("rm %s && mkdir %s"):format(path, path))
    assert.is_nil(record.read(path))
    assert.is_nil(record.read(dir .. "/hermes/none.json"))
  end)

  it("survives every change of a single field of its document", function()
    local path = write()
    local count = 0
    local function each(node, put)
      for key, value in pairs(node) do
        for _, other in ipairs { 7, "x", {}, false } do
          node[key] = other
          put()
          count = count + 1
        end
        node[key] = value
        if type(value) == "table" then each(value, put) end
      end
    end
    local document = json.decode(sh.read(path))
    each(document, function()
      sh.write(path, require("molbuild.progress.encode").value(document))
      record.read(path)
    end)
    assert.is_true(count > 100)
  end)

  it("is listed with the others, the newest first, and files of other kinds are left alone", function()
    write()
    job.tag = "local/x-hermes:ffffffffffff"
    write()
    sh.run(("sed -i 's/finishedOn\":\"20/finishedOn\":\"19/' %s/hermes/ffffffffffff.json"):format(dir))
    sh.run(("mkdir -p %s/locks %s/tmp && echo x >%s/locks/a.json && echo x >%s/hermes/order"):format(dir, dir, dir, dir))
    local list = record.list(dir)
    assert.same({ "local/x-hermes:0123456789ab-arm64", job.tag }, { list[1].image, list[2].image })
    assert.equal(2, #record.list(dir, "hermes"))
    assert.same({}, record.list(dir .. "/none"))
  end)
end)

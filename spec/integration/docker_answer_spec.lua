-- What an engine's answers have to be, and in which version they are asked for.
local asking = require "spec.support.ask"
local hostile = require "spec.support.hostile"
local run = require "spec.support.run"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local NONE = "/nonexistent"

describe("an engine's answer", function()
  local w
  local PATH = "/images/molecule-local/x:y/json"
  local USABLE = '{"Id":"sha256:aa","RepoTags":null,"Os":"linux","Architecture":"arm","Variant":"v7","Config":{"Labels":null}}'

  setup(function() w = world.new() end)
  teardown(function() w:close() end)
  before_each(function() sh.run(("rm -rf %s/canned/* && : >%s/log/access.log"):format(w.forge, w.forge)) end)

  --- What a server at a port says to a request of PATH.
  local function canned(path, body, version, status)
    w:respond(path, ("Status: %d\r\nContent-Type: application/json\r\n%s\r\n%s"):format(
      status or 200, version and "Api-Version: " .. version .. "\r\n" or "", body))
  end

  local function ask(env, ...)
    env.DOCKER_HOST, env.PATH = w.http:gsub("^http:", "tcp:"), env.PATH or NONE
    return asking.ask(env, { ... })
  end

  local QUESTION = "image|molecule-local/x:y"

  it("is returned with the library's fields", function()
    canned(PATH, USABLE, "1.41")
    local answers = ask({}, QUESTION)
    assert.same({ answer = { id = "sha256:aa", tags = {}, os = "linux", architecture = "arm", variant = "v7", labels = {} } },
      answers[1])
  end)

  for theirs, ours in pairs {
    ["1.24"] = "1.24", ["1.41"] = "1.41", ["1.51"] = "1.51", ["1.52"] = "1.51", ["1.100"] = "1.51", ["2.0"] = "1.51",
  } do
    it(("of version %s makes us speak %s from then on"):format(theirs, ours), function()
      canned(PATH, USABLE, theirs)
      canned(("/v%s%s"):format(ours, PATH), USABLE, theirs)
      local answers, by = ask({}, QUESTION, QUESTION, QUESTION)
      assert.equal("api", by)
      for index = 1, 3 do assert.equal("sha256:aa", answers[index].answer.id) end
      local requests = w:requests(PATH)
      assert.equal(3, #requests)
      assert.truthy(requests[1]:find("\t" .. PATH .. "\t", 1, true))
      assert.truthy(requests[2]:find(("\t/v%s%s\t"):format(ours, PATH), 1, true))
      assert.truthy(requests[3]:find(("\t/v%s%s\t"):format(ours, PATH), 1, true))
    end)
  end

  for _, theirs in ipairs { "1.23", "1.9", "0.99", "1", "1.41.2", "x", "", "99999999999999.1", false } do
    it(("of version %s counts for none"):format(theirs or "none"), function()
      canned(PATH, USABLE, theirs)
      local answers, by = ask({}, QUESTION)
      assert.equal("missing_tool", answers[1].kind) -- the program is wanted, which is not there
      assert.equal("program", by)
    end)
  end

  it("is asked for in the version that DOCKER_API_VERSION names", function()
    canned("/v1.30" .. PATH, USABLE, "1.41")
    assert.equal("sha256:aa", ask({ DOCKER_API_VERSION = "1.30" }, QUESTION)[1].answer.id)
    for _, version in ipairs { "1.23", "1.9", "x" } do
      assert.equal("missing_tool", ask({ DOCKER_API_VERSION = version }, QUESTION)[1].kind)
    end
  end)

  it("that refuses the version is left to docker", function()
    local answers, by = asking.ask({ DOCKER_API_VERSION = "1.99" }, { QUESTION })
    assert.equal("program", by)
    assert.truthy(answers[1].message:find("client version 1.99 is too new", 1, true), answers[1].message)
  end)

  for what, body in pairs {
    ["nothing"] = "", ["no JSON"] = "<html>It works!</html>", ["half of it"] = USABLE:sub(1, 40), ["null"] = "null",
    ["false"] = "false", ["a list"] = "[]", ["no id"] = "{}", ["a number for the id"] = '{"Id":7}',
  } do
    it(("that is %s is neither yes nor no"):format(what), function()
      canned(PATH, body, "1.41")
      local answers, by = ask({}, QUESTION)
      assert.is_nil(answers[1].answer)
      assert.is_nil(answers[1].kind)
      assert.is_string(answers[1].message)
      assert.equal("api", by)
    end)
  end

  it("that is a failure is neither yes nor no, with its message", function()
    canned(PATH, '{"message":"the disk is on fire"}', "1.41", 500)
    assert.same({ { message = "the engine reports: the disk is on fire" } }, (ask({}, QUESTION)))
    canned(PATH, "oops", "1.41", 503)
    assert.same({ { message = "the engine reports: status 503" } }, (ask({}, QUESTION)))
    canned("/images/molecule-local/x:y/tag", '{"message":"the disk is on fire"}', "1.41", 409)
    assert.same({ { kind = "failed", message = "tagging a:b: the engine reports: the disk is on fire" } },
      (ask({}, "tag|molecule-local/x:y|a:b")))
  end)

  it("longer than 4 MiB counts for none", function()
    canned(PATH, '{"Id":"sha256:aa","x":"' .. ("x"):rep(4 << 20) .. '"}', "1.41")
    assert.equal("missing_tool", ask({}, QUESTION)[1].kind)
  end)

  describe("from a server that breaks the protocol", function()
    local server

    before_each(function() server = hostile.start() end)
    after_each(function() server:stop() end)

    for _, mode in ipairs { "bad-chunk", "close", "endless-body", "endless-chunks", "endless-headers", "gzip-bomb", "not-http",
      "redirect-loop", "redirect-file", "reset", "reset-body", "short-body" } do
      it(("(%s) counts for none"):format(mode), function()
        local answers, by = asking.ask({ PATH = NONE, DOCKER_HOST = server.url:gsub("^http:", "tcp:") }, { "image|" .. mode })
        assert.equal("missing_tool", answers[1].kind)
        assert.equal("program", by)
      end)
    end

    it("that never comes is an error of the API and of the program, each within its time", function()
      local script = w.dir .. "/stuck.lua"
      sh.write(script, 'require("molbuild.engine.api").TIMEOUT = 1\n' .. asking.policy)
      server:halt() -- the system takes its connections
      for by, env in pairs { api = { PATH = NONE }, program = { MOLBUILD_DOCKER_API = "0" } } do
        env.DOCKER_HOST = server.url:gsub("^http:", "tcp:")
        local started = os.time()
        local answers, who = asking.ask(env, { "image|hang" }, { script = script })
        assert.equal("missing_tool", answers[1].kind)
        assert.truthy(answers[1].message:find("the Docker Engine does not answer: ", 1, true), answers[1].message)
        assert.truthy(answers[1].hint:find("restart it", 1, true))
        assert.equal(by, who)
        assert.is_true(os.time() - started < 100)
      end
    end)

    it("that never comes can be left, and docker is not started then", function()
      local env = { PATH = NONE, DOCKER_HOST = server.url:gsub("^http:", "tcp:") }
      local running = run.start(asking.options(env, { "image|hang" }))
      sh.wait_for(function() return server:requests():find("GET /images/hang/json", 1, true) end)
      running:signal "INT"
      local ended = running:wait()
      assert.equal(130, ended.status, ended.stderr)
      assert.is_nil(ended.stderr:find("not found", 1, true))
    end)
  end)
end)

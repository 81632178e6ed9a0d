-- Any forge: HEAD looked up by git itself.
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("a HEAD lookup by git", function()
  local w

  before_each(function()
    w = world.new()
  end)

  after_each(function()
    world.remove_images()
    w:close()
  end)

  it("serves a plain directory by a prefix of the scheme file", function()
    local sha = w:commit("org", "hermes", world.template_files "from a directory")
    local run = w:ensure("hermes", { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "file://" .. w.forge .. "/repos/org/t-" })
    -- A bare repository is found with and without its ending.
    assert.equal("molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
    assert.equal(0, #w:requests "/")
  end)

  it("serves any HTTP git server with MOLECULE_HEAD_LOOKUP=git", function()
    local sha = w:commit("org", "hermes", world.template_files "by git")
    local run = w:ensure("hermes", { MOLECULE_HEAD_LOOKUP = "git" })
    assert.equal("molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
    assert.equal(0, #w:requests "/api/")
  end)

  it("uses the token for a private repository", function()
    local sha = w:commit("private", "hermes", world.template_files "by git")
    local env = { MOLECULE_HEAD_LOOKUP = "git", MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http .. "/private/t-" }
    assert.equal(5, w:ensure("hermes", env).status)
    env.MOLECULE_GITEA_TOKEN = w.token
    local run = w:ensure("hermes", env)
    assert.equal("molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
  end)

  it("says that a branch or repository is not there, exit 6", function()
    local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "file://" .. w.forge .. "/repos/org/t-" }
    local run = w:ensure("hermes", env)
    assert.equal(6, run.status, run.stderr)
    w:commit("org", "hermes", world.template_files "x", "other")
    run = w:ensure("hermes", env)
    assert.equal(6, run.status, run.stderr)
    assert.truthy(run.stderr:find("no branch main at", 1, true), run.stderr)
  end)

  it("finds the branch among refs that end like it, and makes an error of too many", function()
    local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "file://" .. w.forge .. "/repos/org/t-" }
    local sha = w:commit("org", "hermes", world.template_files "x")
    w:commit("org", "hermes", world.template_files "another commit", "other")
    local git = ("git -C %s/repos/org/t-hermes.git "):format(w.forge)
    sh.run(git .. "update-ref refs/heads/a/refs/heads/main other")
    local run = w:ensure("hermes", env)
    assert.equal("molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
    sh.run(("for i in $(seq 1200); do echo create refs/heads/$i/refs/heads/main %s; done | %s update-ref --stdin")
      :format(sha, git))
    run = w:ensure("hermes", env)
    assert.equal(4, run.status, run.stderr)
    assert.truthy(run.stderr:find("git printed more than 65536 bytes", 1, true), run.stderr)
  end)

  it("hands git the address that answered: of several that a name has, one may be dead", function()
    w:commit("org", "hermes", world.template_files "x")
    local bin = sh.run(("mktemp -d %s/bin.XXXXXX"):format(w.dir))
    sh.write(bin .. "/git", ('#!/bin/sh\necho "$@" >>%s/argv\nPATH=%s exec git "$@"\n'):format(bin, os.getenv "PATH"))
    sh.run("chmod +x " .. bin .. "/git")
    local prefix, port = w.http:gsub("127.0.0.1", "localhost"), w.http:match "%d+$"
    local line = ("-c http.curloptResolve=localhost:%s:127.0.0.1 "):format(port)
    for _, lookup in ipairs { "gitea", "git" } do
      world.remove_images()
      sh.write(bin .. "/argv", "")
      w:ensure("hermes", {
        PATH = bin .. ":" .. os.getenv "PATH",
        MOLECULE_HEAD_LOOKUP = lookup, MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = prefix .. "/org/t-",
        MOLECULE_LOCAL_BUILD_CACHE = bin .. "/cache-" .. lookup,
      })
      local argv = sh.read(bin .. "/argv")
      local _, talks = argv:gsub("[^\n]* %-%-end%-of%-options http[^\n]*", "")
      local _, handed = argv:gsub(line:gsub("%p", "%%%0") .. "[^\n]* %-%-end%-of%-options http[^\n]*", "")
      assert.equal(lookup == "git" and 2 or 1, talks, argv)
      assert.equal(talks, handed, argv)
    end
  end)

  it("works over TLS with a CA that SSL_CERT_FILE names, for the lookup and the clone", function()
    local sha = w:commit("org", "hermes", world.template_files "by TLS")
    local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.https .. "/org/t-" }
    assert.equal(4, w:ensure("hermes", env).status)
    env.SSL_CERT_FILE = w.ca
    local run = w:ensure("hermes", env)
    assert.equal("molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
  end)

  it("says why a server cannot be reached, and no word of proxies where none is asked", function()
    local run = w:ensure("hermes", { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "git://127.0.0.1:1/org/t-" })
    assert.equal(4, run.status, run.stderr)
    assert.truthy(run.stderr:find("Connection refused\nhint: check the address and the network\n", 1, true), run.stderr)
  end)

  for name, values in pairs {
    MOLECULE_HEAD_LOOKUP = "gitea or git", MOLECULE_GITEA_CREDENTIAL_HELPER = "0 or 1", MOLBUILD_DOCKER_API = "0 or 1",
  } do
    it("does not begin where " .. name .. " has a value that means nothing", function()
      local run = w:ensure("hermes", { [name] = "maybe" })
      assert.equal(2, run.status, run.stderr)
      assert.truthy(run.stderr:find(('molbuild: local-build: %s must be %s, not "maybe"\n'):format(name, values), 1, true),
        run.stderr)
      assert.equal(0, #w:requests "/")
    end)
  end

  it("does not begin if an option follows the script's name, and the hint says where it belongs", function()
    local run = w:ensure { "--jobs=2", "hermes" }
    assert.equal(2, run.status)
    assert.truthy(run.stderr:find("unknown option --jobs", 1, true), run.stderr)
    assert.truthy(run.stderr:find("\nhint: molbuild's own options go before the script", 1, true), run.stderr)
    assert.is_nil(w:ensure({ "jobs" }).stderr:find("hint", 1, true))
  end)

  for _, prefix in ipairs {
    "--upload-pack=x", "ext::sh -c x", "a/../../b", "a%0ab", "https://h/", "https://h/o/../x", "https://h/o/a%0ab",
    "https://user:password1@h/o/t-?x=", "https://h/o/t-?x=", "ftp://h/o/t-", "https://", "ssh://-oProxyCommand=x/o/t-",
    "https://h:0/o/t-", "https://bücher.example/o/t-",
  } do
    it("refuses the prefix " .. prefix .. " in one line, exit 2", function()
      local run = w:ensure("hermes", { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = prefix })
      assert.equal(2, run.status, run.stderr)
      local _, lines = run.stderr:gsub("molbuild: local%-build: ", "")
      assert.equal(1, lines)
      assert.is_nil(run.stderr:find("password1", 1, true))
      assert.is_nil(run.stderr:find("traceback", 1, true))
    end)
  end
end)

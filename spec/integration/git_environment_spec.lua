-- Neither the user's environment and configuration nor the template decides what git does on this machine: real git,
-- and all of the policy but the build.
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("git", function()
  local w, sha, ran

  before_each(function()
    w = world.new { forge = false }
    ran = w.dir .. "/ran"
    sh.run(("mkdir -p %s/repos/org"):format(w.dir))
    sha = w:commit("org", "hermes", world.template_files "hello")
  end)

  after_each(function()
    w:close()
  end)

  local function fetch(env, more)
    local all = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "file://" .. w.dir .. "/repos/org/t-" }
    for name, value in pairs(env or {}) do all[name] = value end
    return w:fetch("hermes", all, more)
  end

  local function assert_fetched(run, files)
    assert.equal("molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
    assert.equal(files or "Dockerfile\nsays", sh.run(("ls -A %s/hermes/%s"):format(w.cache, sha:sub(1, 12))))
    assert.is_nil(sh.read(ran))
  end

  local function program(name, body)
    local path = w.dir .. "/" .. name
    sh.run("mkdir -p " .. path:match "^(.*)/")
    sh.write(path, "#!/bin/sh\n" .. (body or ("echo %s >>%s"):format(name, ran)) .. "\n")
    sh.run("chmod +x " .. path)
    return path
  end

  local function configure(text)
    sh.write(w.home .. "/.gitconfig", text)
  end

  it("speaks the prefix's own scheme alone, whatever GIT_ALLOW_PROTOCOL and the user's url.insteadOf say", function()
    configure(('[url "ext::sh -c echo%% x%% >%s%% #"]\n\tinsteadOf = file://%s/\n'):format(ran, w.dir))
    for _, allowed in ipairs { "ext:file", "always" } do
      local run = fetch { GIT_ALLOW_PROTOCOL = allowed }
      assert.equal(4, run.status, run.stderr)
      assert.truthy(run.stderr:find("transport 'ext' not allowed", 1, true), run.stderr)
      assert.is_nil(sh.read(ran))
    end
  end)

  it("gets an end of options before each URL", function()
    local path = program("bin/git", ('echo "$*" >>%s/calls\nPATH=%s exec git "$@"'):format(w.dir, os.getenv "PATH"))
    assert_fetched(fetch { PATH = path:match "^(.*)/" .. ":" .. os.getenv "PATH" })
    local urls = 0
    for line in sh.read(w.dir .. "/calls"):gmatch "[^\n]+" do
      for before in line:gmatch "(%S+) file://" do
        assert.equal("--end-of-options", before)
        urls = urls + 1
      end
    end
    assert.equal(2, urls)
  end)

  for name, value in pairs {
    GIT_DIR = "DECOY/.git",
    GIT_WORK_TREE = "DECOY",
    GIT_COMMON_DIR = "DECOY/.git",
    GIT_INDEX_FILE = "DECOY/index",
    GIT_OBJECT_DIRECTORY = "DECOY/.git/objects",
    GIT_NAMESPACE = "elsewhere",
    GIT_SHALLOW_FILE = "DECOY/shallow",
    GIT_CONFIG_PARAMETERS = "'url./nonexistent/.insteadOf=file://'",
  } do
    it("ignores " .. name, function()
      local decoy = w.dir .. "/decoy"
      sh.run(("git init -q %s && git -C %s -c user.name=x -c user.email=x@x commit -q --allow-empty -m x"):format(decoy, decoy))
      sh.write(decoy .. "/shallow", "nonsense\n")
      local before = sh.run(("cd %s && find . | sort && git rev-parse HEAD"):format(decoy))
      assert_fetched(fetch { [name] = value:gsub("DECOY", decoy) })
      assert.equal(before, sh.run(("cd %s && find . | sort && git rev-parse HEAD"):format(decoy)))
    end)
  end

  it("ignores settings from the environment", function()
    assert_fetched(fetch {
      GIT_CONFIG_COUNT = "1", GIT_CONFIG_KEY_0 = "url./nonexistent/.insteadOf", GIT_CONFIG_VALUE_0 = "file://",
    })
  end)

  it("ignores the configuration of a repository in the current directory", function()
    local here = w.dir .. "/here"
    sh.run(("git init -q %s && git -C %s config url./nonexistent/.insteadOf file://"):format(here, here))
    program("ask", ("echo ask >>%s; echo username=me; echo password=of-this-directory"):format(ran))
    sh.run(("git -C %s config credential.helper '!%s/ask'"):format(here, w.dir))
    sh.write(w.dir .. "/ask.lua", [[return { run = function()
      return tostring(molbuild.git.credential "https://forge.example/org/t-x")
    end }]])
    assert_fetched(fetch(nil, { cwd = here }))
    local run = w:run({ "run", "-q", w.dir .. "/ask.lua" }, nil, { cwd = here })
    assert.equal("nil\n", run.stdout, run.stderr)
    assert.is_nil(sh.read(ran))
  end)

  for _, hook in ipairs { "post-checkout", "reference-transaction", "post-index-change" } do
    it("runs no user-wide " .. hook, function()
      program("hooks/" .. hook)
      configure(("[core]\n\thooksPath = %s/hooks\n[init]\n\ttemplateDir = %s\n"):format(w.dir, w.dir))
      assert_fetched(fetch())
    end)
  end

  it("runs no user-wide fsmonitor", function()
    configure(("[core]\n\tfsmonitor = %s\n"):format(program "fsmonitor"))
    assert_fetched(fetch())
  end)

  it("runs no filter of the user's that the template names, nor one that the user's own attributes name", function()
    configure(("[filter \"evil\"]\n\tsmudge = %s\n\tprocess = %s\n\trequired = true\n[core]\n\tattributesFile = %s/attributes\n")
      :format(program "smudge", program "process", w.dir))
    sh.write(w.dir .. "/attributes", "* filter=evil\n")
    local files = world.template_files "hello"
    files[".gitattributes"] = "* filter=evil\n"
    sha = w:commit("org", "hermes", files)
    assert_fetched(fetch(), ".gitattributes\nDockerfile\nsays")
  end)

  for what, text in pairs {
    ["the user's own attributes"] = "[core]\n\tattributesFile = ~/attributes\n",
    ["the user's line ends"] = "[core]\n\tautocrlf = true\n\teol = crlf\n",
  } do
    it("writes the repository's bytes, whatever " .. what .. " are", function()
      configure(text)
      sh.write(w.home .. "/attributes", "* text eol=crlf\n")
      assert_fetched(fetch())
      assert.equal("hello\n", sh.read(("%s/hermes/%s/says"):format(w.cache, sha:sub(1, 12))))
    end)
  end

  it("cleans nothing up in the background", function()
    configure("[gc]\n\tauto = 1\n\tautoDetach = true\n[maintenance]\n\tauto = true\n")
    local path = program("bin/git", ('echo "$*" >>%s/calls\nPATH=%s exec git "$@"'):format(w.dir, os.getenv "PATH"))
    assert_fetched(fetch { PATH = path:match "^(.*)/" .. ":" .. os.getenv "PATH", GIT_TRACE2 = ran })
    for line in sh.read(w.dir .. "/calls"):gmatch "[^\n]+" do
      assert.truthy(line:find("-c gc.auto=0 ", 1, true) and line:find("-c maintenance.auto=false ", 1, true), line)
    end
  end)
end)

-- Prefixes of the schemes ssh and git: a real sshd, a real git daemon, and the user's own ways to connect.
local transports = require "spec.support.transports"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("a prefix of the scheme", function()
  local w, t, sha, limit

  lazy_setup(function()
    w = world.new { forge = false }
    sh.run(("mkdir -p %s/repos/org"):format(w.dir))
    t = transports.start(w)
    sha = w:commit("org", "hermes", world.template_files "hello")
    limit = sh.run "ulimit -S -d"
  end)

  lazy_teardown(function()
    world.remove_images()
    t.stop()
    w:close()
  end)

  before_each(function()
    sh.run(("rm -rf %s %s/.gitconfig %s/ssh.calls"):format(w.cache, w.home, t.dir))
  end)

  local function tag()
    return "molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n"
  end

  local function with_ssh(more)
    local env = { PATH = t.program .. ":" .. os.getenv "PATH", MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = t.ssh .. "/repos/org/t-" }
    for name, value in pairs(more or {}) do env[name] = value end
    return env
  end

  local function fetch(env)
    return w:fetch("hermes", env)
  end

  for _, scheme in ipairs { "ssh", "git" } do
    it(scheme .. " is built from, and then hit", function()
      world.remove_images()
      local env = scheme == "ssh" and with_ssh() or { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = t.git .. "/org/t-" }
      for _, word in ipairs { "built", "hit" } do
        local result = w:run({ "run", "--output=json", "ensure.lua", "hermes" }, env)
        assert.equal(0, result.status, result.stderr)
        assert.truthy(result.stdout:find('"outcome":"' .. word .. '"', 1, true), result.stdout)
        assert.truthy(result.stdout:find(sha, 1, true), result.stdout)
      end
    end)
  end

  it("ssh never prompts, and runs without git's bounds", function()
    assert.equal(tag(), fetch(with_ssh()).stdout)
    local calls = sh.read(t.dir .. "/ssh.calls")
    local count = 0
    for arguments, bound in calls:gmatch "([^\n]+)\n([^\n]+)\n" do
      assert.truthy(arguments:find("-oBatchMode=yes", 1, true), arguments)
      assert.equal(limit, bound)
      count = count + 1
    end
    assert.equal(2, count)
  end)

  for what, set in pairs {
    ["core.sshCommand"] = function(command)
      sh.write(w.home .. "/.gitconfig", ('[core]\n\tsshCommand = "%s"\n'):format(command))
    end,
    ["core.sshCommand in an included file"] = function(command)
      sh.write(w.home .. "/.gitconfig", "[include]\n\tpath = ssh.inc\n")
      sh.write(w.home .. "/ssh.inc", ('[core]\n\tsshCommand = "%s"\n'):format(command))
    end,
    GIT_SSH_COMMAND = function(command) return { GIT_SSH_COMMAND = command } end,
    GIT_SSH = function(command)
      sh.write(w.dir .. "/my ssh", ('#!/bin/sh\nexec %s "$@"\n'):format(command))
      sh.run(("chmod +x '%s/my ssh'"):format(w.dir))
      return { GIT_SSH = w.dir .. "/my ssh" }
    end,
  } do
    it("ssh uses the user's " .. what .. ", with ProxyCommand and none of git's bounds", function()
      sh.write(t.dir .. "/proxy", ([[
#!/bin/bash
{ ulimit -S -d; echo "${GIT_ALLOC_LIMIT-none}"; } >%s/proxy.limit
exec 3<>/dev/tcp/$1/$2
cat <&3 & cat >&3
kill $!
]]):format(t.dir))
      sh.run(("chmod +x %s/proxy; rm -f %s/proxy.limit"):format(t.dir, t.dir))
      local command = ("ssh -F %s -oProxyCommand='%s/proxy %%h %%p'"):format(t.config, t.dir)
      local env = set(command) or {}
      env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = t.ssh .. "/repos/org/t-"
      local result = fetch(env)
      assert.equal(tag(), result.stdout, result.stderr)
      assert.equal(limit .. "\nnone\n", sh.read(t.dir .. "/proxy.limit"))
    end)
  end

  it("git uses the user's core.gitProxy, with none of git's bounds", function()
    -- It must tell the server when git has sent all.
    sh.write(t.dir .. "/git-proxy", ([[
#!/bin/sh
ulimit -S -d >%s/proxy.limit
exec perl -MSocket -e '
  socket S, PF_INET, SOCK_STREAM, 0; connect S, sockaddr_in($ARGV[1], inet_aton($ARGV[0])) or die;
  if (fork) { while (sysread STDIN, $b, 65536) { syswrite S, $b } shutdown S, 1; wait }
  else { while (sysread S, $b, 65536) { syswrite STDOUT, $b } }' "$1" "$2"
]]):format(t.dir))
    sh.run("chmod +x " .. t.dir .. "/git-proxy")
    sh.write(w.home .. "/.gitconfig", ("[core]\n\tgitProxy = %s/git-proxy\n"):format(t.dir))
    local result = fetch { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = t.git .. "/org/t-" }
    assert.equal(tag(), result.stdout, result.stderr)
    assert.equal(limit .. "\n", sh.read(t.dir .. "/proxy.limit"))
  end)

  it("ssh whose server takes no key of ours says what to do about keys, and not about a token", function()
    sh.write(t.dir .. "/no_key", ("Host *\n\tUserKnownHostsFile %s/known_hosts\n\tIdentitiesOnly yes\n"):format(t.dir))
    local result = fetch(with_ssh { GIT_SSH_COMMAND = ("ssh -F %s -oBatchMode=yes -oIdentityFile=/nonexistent -oIdentityAgent=none")
      :format(t.dir .. "/no_key") })
    assert.equal(5, result.status, result.stderr)
    assert.truthy(result.stderr:find("Permission denied (publickey)", 1, true), result.stderr)
    assert.truthy(result.stderr:find("\nhint: the server accepts none of the keys that ssh offered", 1, true), result.stderr)
    assert.is_nil(result.stderr:find("TOKEN", 1, true), result.stderr)
  end)

  it("ssh whose server is not known is an error with a hint", function()
    local result = fetch(with_ssh {
      GIT_SSH_COMMAND = ("ssh -F %s -oBatchMode=yes -oUserKnownHostsFile=/dev/null"):format(t.config),
    })
    assert.equal(4, result.status, result.stderr)
    assert.truthy(result.stderr:find("\nhint: ssh does not know the server's key", 1, true), result.stderr)
  end)

  it("ssh with a missing repository is an error", function()
    local result = fetch(with_ssh { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = t.ssh .. "/repos/org/none-" })
    assert.equal(6, result.status, result.stderr)
    assert.truthy(result.stderr:find("does not appear to be a git repository", 1, true), result.stderr)
  end)
end)

-- The released program where there is no C library, as root and as another user: as in a container of Alpine.
local proxy = require "spec.support.proxy"
local release = require "spec.support.release"
local server = require "spec.support.server"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("the released program in a root with busybox alone", function()
  local w, root, tag

  setup(function()
    w = world.new()
    tag = "molecule-local/workspace-template-claude-code:"
      .. w:commit("org", "claude-code", world.template_files "hello"):sub(1, 12)
    local ended = w:ensure "claude-code"
    assert.equal(0, ended.status, ended.stderr)
    root = w.dir .. "/root"
    release.bare_root(root, release.unpack(release.native(), w.dir .. "/unpacked"), w.ca)
  end)

  teardown(function()
    world.remove_images()
    w:close()
  end)

  local function run(user, env, args, prefix)
    local all = {
      DOCKER_HOST = "unix:///run/docker.sock", HOME = "/home", PATH = "/usr/bin:/bin", TMPDIR = false,
      MOLECULE_LOCAL_BUILD_CACHE = "/home/cache-" .. user:gsub("%D", ""),
    }
    for name, value in pairs(env or {}) do all[name] = value end
    return w:run(args or { "run", "ensure.lua", "claude-code" }, all,
      { program = "/usr/bin/molbuild", prefix = (prefix or "") .. release.inside(root, user) })
  end

  for _, user in ipairs { "0:0", "1000:1000" } do
    it("finds an image with one question to each, as " .. user, function()
      local before = #w:requests "/api/"
      local ended = run(user)
      assert.equal(tag .. "\n", ended.stdout, ended.stderr)
      assert.equal(before + 1, #w:requests "/api/")
    end)

    it("does so over https, with the certificates that Alpine has, as " .. user, function()
      local ended = run(user, { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.https .. "/org/t-" })
      assert.equal(tag .. "\n", ended.stdout, ended.stderr)
    end)
  end

  it("resolves names, in a thread: by a file, without glibc's modules", function()
    sh.write(root .. "/etc/hosts", "127.0.0.1 forge.test\n")
    local ended = run("1000:1000", { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http:gsub("127.0.0.1", "forge.test") .. "/org/t-" })
    assert.equal(tag .. "\n", ended.stdout, ended.stderr)
  end)

  it("refuses a certificate that no authority has signed", function()
    local ended = run("1000:1000", { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w["self-signed"] .. "/org/t-" })
    assert.equal(4, ended.status)
    assert.truthy(ended.stderr:find "certificate", ended.stderr)
  end)

  it("trusts a proxy that speaks TLS by the system's certificates, whatever SSL_CERT_FILE names for servers", function()
    local plain = proxy.start()
    local tls = w.forge .. "/tls/"
    local front <close> = setmetatable(server.start("a proxy's TLS", function(port)
      return { program = "/usr/bin/python3", args = { "spec/support/tls_front.py", port, tls .. "server.pem", tls .. "server.key",
        plain.address } }
    end), { __index = server, __close = function(self) self.running:signal("KILL", true) end })
    sh.run { "cp", w.ca, root .. "/home/ca.pem" }
    for _, file in ipairs { false, "/home/ca.pem" } do
      local ended = run("1000:1000", {
        MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.https .. "/org/t-", SSL_CERT_FILE = file,
        HTTPS_PROXY = "https://" .. front.address, NO_PROXY = false,
      })
      assert.equal(tag .. "\n", ended.stdout, ended.stderr)
    end
    assert.equal(2, plain:requests "CONNECT ")
    plain:stop()
  end)

  it("names /dev/null, where a stream is closed and it is missing", function()
    sh.run { "mv", root .. "/dev/null", root .. "/dev/none" }
    local ended = w:run({ "version" }, nil,
      { program = "/usr/bin/molbuild", prefix = release.chroot() .. " " .. sh.quote(root) .. " ", redirect = "<&-" })
    sh.run { "mv", root .. "/dev/none", root .. "/dev/null" }
    assert.equal(1, ended.status)
    assert.truthy(ended.stderr:find("/dev/null cannot be opened: No such file", 1, true), ended.stderr)
  end)

  it("takes at most 10 MiB of memory for a hit", function()
    local peak = w.dir .. "/peak"
    local ended = run("0:0", nil, nil, sh.join { (os.getenv "BUILD" or "build") .. "/test/peak", peak } .. " ")
    assert.equal(tag .. "\n", ended.stdout, ended.stderr)
    assert.is_true(tonumber(sh.read(peak):match "%d+") <= 10 * 1024, sh.read(peak))
  end)

  it("says that there is no shipped file to look for a policy in", function()
    local ended = run("1000:1000", nil, { "run", "missing.lua" })
    assert.equal(2, ended.status)
    assert.truthy(ended.stderr:find("builtin:/missing.lua", 1, true), ended.stderr)
  end)
end)

-- The Debian packages: what lintian says; and the one of this machine's architecture in a fresh system. That system is made once
-- and kept, and each run of this spec gets a copy of it.
local release = require "spec.support.release"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- The mirror and the suite that this system installs from.
local function origin()
  local format = "$(REPO_URI) $(RELEASE)"
  local text = sh.run { "apt-get", "indextargets", "--format", format, "Created-By: Packages" }
  for uri, suite in text:gmatch "(%S+) (%S+)" do
    if not suite:find "%-" then return uri, suite end
  end
end

-- A system by debootstrap, whose package manager then uses this system's mirrors.
local function base()
  local dir = release.work .. "/debian-base"
  if sh.read(dir .. ".done") then return dir end
  local uri, suite = origin()
  sh.run { "rm", "-rf", dir }
  sh.run { "/usr/sbin/debootstrap", "--variant=minbase", suite, dir, uri }
  sh.run(("cp -r /etc/apt/sources.list.d %s/etc/apt/ && cp /etc/resolv.conf /etc/hosts %s/etc/"):format(dir, dir))
  sh.run(("[ ! -f /etc/apt/sources.list ] || cp /etc/apt/sources.list %s/etc/apt/"):format(dir))
  sh.write(dir .. ".done", "")
  return dir
end

describe("the Debian package", function()
  for _, arch in ipairs(release.architectures) do
    it("has no error that lintian knows: " .. arch, function()
      local text = sh.run(("lintian --allow-root --fail-on error %s 2>&1 || echo failed"):format(release.package(arch)))
      assert.is_nil(text:find "failed", text)
      assert.is_nil(("\n" .. text):find "\nE:", text)
    end)

    it("depends on git and certificates, and on no library: " .. arch, function()
      local control = sh.run { "dpkg-deb", "-f", release.package(arch) }
      for _, line in ipairs {
        "Depends: ca-certificates, git", "Recommends: docker.io | docker-ce | podman", "Version: " .. release.version,
        "Architecture: " .. arch,
      } do
        assert.truthy(control:find("\n" .. line .. "\n", 1, true), control)
      end
    end)
  end
end)

-- The order matters: each test continues from the state that the one before has left.
describe("the Debian package in a fresh system", function()
  local w, root, tag

  -- What a command prints there, with a /proc and a /dev of its own.
  local function inside(command)
    local script = ('mount -t proc proc %s/proc && mount --bind /dev %s/dev && exec "$0" %s /usr/bin/env -i HOME=/root LANG=C \z
      PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive sh -c "$1"'):format(root, root, root)
    return sh.run { "unshare", "--mount", "--pid", "--fork", "sh", "-c", script, release.chroot(), command }
  end

  local function install(path)
    sh.run { "cp", path, root .. "/molbuild.deb" }
    inside "apt-get update -q && apt-get install -q -y --no-install-recommends /molbuild.deb 2>&1 && rm /molbuild.deb"
  end

  setup(function()
    w = world.new()
    tag = "molecule-local/workspace-template-hermes:" .. w:commit("org", "hermes", world.template_files "hi"):sub(1, 12)
    assert.equal(tag .. "\n", w:ensure("hermes").stdout)
    root = w.dir .. "/root"
    sh.run { "cp", "-a", base(), root }
    install(release.package(release.native()))
  end)

  teardown(function()
    world.remove_images()
    w:close()
  end)

  it("is installed, with what it depends on", function()
    assert.equal("molbuild " .. release.version, inside "molbuild version")
    assert.equal("install ok installed", inside "dpkg-query -W -f '${Status}' git")
    assert.equal("", inside "dpkg --verify molbuild")
  end)

  it("has a policy to eject, and the types for it", function()
    inside "cd /tmp && molbuild eject ensure.lua"
    assert.equal(sh.read "scripts/ensure.lua", sh.read(root .. "/tmp/ensure.lua"))
    assert.truthy(sh.read(root .. "/tmp/.luarc.json"):find("/usr/share/molbuild/types", 1, true))
  end)

  it("finds an image, with the engine's socket mounted", function()
    sh.write(root .. "/run/docker.sock", "")
    sh.write(root .. "/usr/local/bin/docker", "#!/bin/sh\nexit 99\n")
    sh.run { "chmod", "755", root .. "/usr/local/bin/docker" }
    local hit = w:run({ "run", "ensure.lua", "hermes" }, {
      DOCKER_HOST = "unix:///run/docker.sock", HOME = "/root", TMPDIR = false, PATH = "/usr/local/bin:/usr/bin:/bin",
      MOLECULE_LOCAL_BUILD_CACHE = "/root/cache",
    }, { program = "/usr/bin/molbuild", prefix = release.inside(root, "0:0") })
    assert.equal(tag .. "\n", hit.stdout, hit.stderr)
  end)

  it("is upgraded by a newer one", function()
    local newer = w.dir .. "/newer"
    sh.run { "dpkg-deb", "-R", release.package(release.native()), newer }
    sh.run { "sed", "-i", "s/^Version: .*/&+newer/", newer .. "/DEBIAN/control" }
    sh.run { "dpkg-deb", "-b", newer, newer .. ".deb" }
    install(newer .. ".deb")
    assert.equal(release.version .. "+newer", inside "dpkg-query -W -f '${Version}' molbuild")
    assert.equal("molbuild " .. release.version, inside "molbuild version")
  end)

  it("leaves nothing when it is removed", function()
    inside "apt-get purge -q -y molbuild 2>&1"
    assert.equal("", sh.run(("cd %s && find usr etc -path '*molbuild*'"):format(root)))
  end)
end)

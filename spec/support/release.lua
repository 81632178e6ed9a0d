--- The files of a release, for the specs in spec/release: make release has made them.
local sh = require "spec.support.sh"

local release = {}

local function absolute(path) return sh.run { "realpath", "-m", path } end

--- The directory of the files, and that of what is kept between runs.
release.out = absolute(os.getenv "RELEASE_OUT" or "build/release")
release.work = absolute(os.getenv "RELEASE_WORK" or "build/release-work")
release.version = sh.read("VERSION"):gsub("%s+$", "")
release.architectures = { "amd64", "arm64" }

--- The file of a release: "-linux-amd64.tar.gz" is its end.
---@param ending string
---@return string path
function release.file(ending)
  local path = ("%s/molbuild-%s%s"):format(release.out, release.version, ending)
  return sh.read(path, "rb") and path or error(path .. " is missing: make release", 2)
end

---@param arch string
---@return string path
function release.package(arch)
  return ("%s/molbuild_%s_%s.deb"):format(release.out, release.version, arch)
end

--- Unpack the archive of a program into a directory.
---@param arch string
---@param dir string
---@return string program  its path; its parent has bin and share
function release.unpack(arch, dir)
  sh.run { "mkdir", "-p", dir }
  sh.run { "tar", "-xzf", release.file(("-linux-%s.tar.gz"):format(arch)), "-C", dir }
  return ("%s/molbuild-%s-linux-%s/bin/molbuild"):format(dir, release.version, arch)
end

--- The architecture of this machine, whose program runs without an emulator.
---@return string
function release.native()
  return sh.run { "dpkg", "--print-architecture" }
end

--- A root with busybox and the program, and nothing else: no C library, no git, no docker. The two commands that a run looks for
--- are there; a hit does not run them. Its certificates are where Alpine has them.
---@param dir string  made here
---@param program string
---@param certificates string?  a file
function release.bare_root(dir, program, certificates)
  sh.run(("mkdir -p %s/bin %s/usr/bin %s/etc/ssl/certs %s/run %s/tmp %s/dev %s/home"):format(dir, dir, dir, dir, dir, dir, dir))
  sh.run { "chmod", "1777", dir .. "/tmp", dir .. "/home" }
  sh.run { "cp", "/bin/busybox", dir .. "/bin/busybox" }
  for _, name in ipairs { "sh", "env", "cat", "id" } do sh.run { "ln", "-s", "busybox", dir .. "/bin/" .. name } end
  for _, name in ipairs { "git", "docker" } do
    sh.write(dir .. "/usr/bin/" .. name, "#!/bin/sh\nexit 99\n")
    sh.run { "chmod", "755", dir .. "/usr/bin/" .. name }
  end
  sh.run { "cp", program, dir .. "/usr/bin/molbuild" }
  sh.write(dir .. "/run/docker.sock", "")
  sh.write(dir .. "/dev/null", "")
  if certificates then
    sh.run { "cp", certificates, dir .. "/etc/ssl/certs/ca-certificates.crt" }
    sh.run { "ln", "-s", "certs/ca-certificates.crt", dir .. "/etc/ssl/cert.pem" }
  end
end

--- The program chroot, by its path: it is not on the PATH of a run inside of a root.
function release.chroot()
  return sh.run "PATH=$PATH:/usr/sbin command -v chroot"
end

--- The words that run a command in a root, with the engine's socket mounted at /run/docker.sock, as a user.
---@param root string
---@param user string  "1000:1000"
---@return string
function release.inside(root, user)
  local socket = (os.getenv "DOCKER_HOST" or ""):gsub("^unix://", "")
  local script = ('mount --bind %s %s/run/docker.sock && mount --bind /dev/null %s/dev/null && exec "$@"'):format(
    sh.quote(socket), sh.quote(root), sh.quote(root))
  local group = sh.run { "stat", "-c", "%g", socket }
  return sh.join {
    "unshare", "--mount", "sh", "-c", script, "sh", release.chroot(), "--userspec=" .. user, "--groups=" .. group, root,
  }
end

return release

-- What the building program itself reads of a tree, on this machine.
local build_files = require "molbuild.repository.build_files"
local errors = require "molbuild.base.errors"
local sh = require "spec.support.sh"

local DOCKER = { "Dockerfile", ".dockerignore", "Dockerfile.dockerignore", "Dockerfile.rego" }
local PODMAN = {
  "Dockerfile", ".containerignore", ".dockerignore", "Dockerfile.containerignore", "Dockerfile.dockerignore",
  "Containerfile", "Containerfile.containerignore", "Containerfile.dockerignore",
}

describe("build_files", function()
  local dir, outside

  before_each(function()
    outside = sh.temporary "files"
    dir = outside .. "/tree"
    sh.run("mkdir -p " .. dir .. "/sub/deep; echo secret >" .. outside .. "/outside")
    sh.write(dir .. "/Dockerfile", "FROM scratch\n")
    sh.write(dir .. "/other", "FROM scratch\n")
  end)

  after_each(function() sh.remove(outside) end)

  local function make(name, command)
    sh.run("cd " .. sh.quote(dir) .. " && rm -rf " .. name .. " && " .. command:format(name))
  end

  local function refuses(name, what, command)
    local ok, failure = pcall(build_files.check, dir, command or "docker")
    assert.is_false(ok)
    assert.is_true(errors.is(failure, "template"), tostring(failure))
    local wanted = name == "Dockerfile" and "cloned tree at %s has no Dockerfile"
      or name .. " in the cloned tree at %s is " .. what
    assert.equal(wanted:format(dir), failure.message)
    assert.equal(("%s is %s: it must be a regular file, or a link to one inside the tree"):format(name, what), failure.hint)
  end

  for command, list in pairs {
    docker = DOCKER, ["/usr/bin/docker"] = DOCKER, podman = PODMAN, ["/opt/podman"] = PODMAN, buildah = PODMAN,
  } do
    it("knows what " .. command .. " reads", function() assert.same(list, build_files.read_by(command)) end)
  end

  it("takes a program that it does not know for any of them", function()
    local all = {}
    for _, name in ipairs(build_files.read_by "nerdctl") do all[name] = true end
    for _, list in ipairs { DOCKER, PODMAN } do
      for _, name in ipairs(list) do assert.is_true(all[name], name) end
    end
  end)

  for command, list in pairs { docker = DOCKER, podman = PODMAN } do
    for _, name in ipairs(list) do
      it(("lets %s have a %s that is a file or a link to one inside the tree"):format(command, name), function()
        make(name, "cp other %s")
        build_files.check(dir, command)
        make(name, "ln -s other %s")
        build_files.check(dir, command)
      end)

      it(("keeps %s from a %s that is a link out of the tree"):format(command, name), function()
        make(name, "ln -s ../outside %s")
        refuses(name, "a link (to ../outside) that leads out of the tree", command)
      end)
    end
  end

  for _, name in ipairs { "Dockerfile", ".dockerignore" } do
    it(("refuses a %s of more than 1 MiB, also behind a link"):format(name), function()
      make("big", "truncate -s 1048576 %s")
      make(name, "ln -s big %s")
      build_files.check(dir, "docker")
      make("big", "truncate -s 1048577 %s")
      local _, failure = pcall(build_files.check, dir, "docker")
      assert.equal(("%s in the cloned tree at %s is larger than 1 MiB"):format(name, dir), failure.message)
    end)
  end

  it("leaves alone what the program does not read", function()
    make(".containerignore", "ln -s /etc/passwd %s")
    build_files.check(dir, "docker")
    make("Dockerfile.rego", "ln -s /etc/passwd %s")
    make(".containerignore", "ln -s other %s")
    build_files.check(dir, "podman")
  end)

  for what, command in pairs {
    ["a directory"] = "mkdir %s", ["a FIFO"] = "mkfifo %s",
    ["a link (to sub) that leads to a directory"] = "ln -s sub %s",
    ["a link (to pipe) that leads to a FIFO"] = "mkfifo pipe; ln -s pipe %s",
    ["a link (to none) that leads nowhere"] = "ln -s none %s",
    ["a link (to other/x) that leads nowhere"] = "ln -s other/x %s",
    ["a link (to other/../other) that leads nowhere"] = "ln -s other/../other %s",
    ["a link (to loop) that leads in a circle"] = "ln -s loop loop; ln -s loop %s",
    ["a link (to a/x) that leads in a circle"] = "ln -s b a; ln -s a b; ln -s a/x %s",
    ["a link (to /etc/passwd) that leads out of the tree"] = "ln -s /etc/passwd %s",
    ["a link (to up/outside) that leads out of the tree"] = "ln -s .. up; ln -s up/outside %s",
    ["a link (to sub/far) that leads out of the tree"] = "ln -s /etc/passwd sub/far; ln -s sub/far %s",
    ["a link (to one) that leads out of the tree"] = "ln -s two one; ln -s three two; ln -s ../outside three; ln -s one %s",
    ["a link (to ../tree/other) that leads out of the tree"] = "ln -s ../tree/other %s",
    ["a link (to sub/deep/up/../../../other) that leads out of the tree"] =
      "ln -s ../.. sub/deep/up; ln -s sub/deep/up/../../../other %s",
  } do
    for _, name in ipairs { "Dockerfile", ".dockerignore" } do
      it(("refuses a %s that is %s"):format(name, what), function()
        make(name, command)
        refuses(name, what)
      end)
    end
  end

  it("refuses an absolute link even where it leads back into the tree", function()
    make(".dockerignore", "ln -s " .. dir .. "/other %s")
    refuses(".dockerignore", ("a link (to %s/other) that leads out of the tree"):format(dir))
  end)

  for _, command in ipairs {
    "ln -s ./sub/../other %s", "ln -s sub//deep/../../other %s", "ln -s sub/link %s; ln -s ../other sub/link",
    "ln -s sub/deep/up/other %s; ln -s ../.. sub/deep/up", "ln -s one %s; ln -s two one; ln -s other two",
    "p=other; for i in $(seq 39); do ln -s $p l$i; p=l$i; done; ln -s $p %s",
  } do
    it("follows " .. command:sub(1, 60), function()
      make("Dockerfile", command)
      build_files.check(dir, "docker")
    end)
  end

  it("follows as many links as the system does, and no more", function()
    make("Dockerfile", "p=other; for i in $(seq 40); do ln -s $p l$i; p=l$i; done; ln -s $p %s")
    assert.is_false(sh.try { "cat", dir .. "/Dockerfile" })
    refuses("Dockerfile", "a link (to l40) that leads in a circle")
  end)
end)

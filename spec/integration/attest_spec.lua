-- Signed records and attested images: with a real forge, git, engine and ssh-keygen.
local core = require "molbuild.core"
local docker = require "spec.support.docker"
local json = require "molbuild.base.json"
local schema = require "spec.support.schema"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local NAME = "molecule-local/workspace-template-claude-code:"

describe("an attested image", function()
  local w, key, env

  setup(function()
    w = world.new()
    key = w.dir .. "/key"
    sh.run(("ssh-keygen -q -t ed25519 -N '' -C x -f %s"):format(key))
    sh.run(("ssh-keygen -q -t ed25519 -a 1 -N sesame -C x -f %s-locked"):format(key))
    env = { MOLECULE_SIGNING_KEY = key }
  end)
  after_each(function() w:again() end)
  teardown(function()
    world.remove_images()
    w:close()
  end)

  local function run(more, ...)
    return w:run({ "run", "ensure.lua", "claude-code", ... }, more)
  end

  --- What the verb prints, by link, and its exit status.
  local function attest(more, ...)
    local result = w:run({ "attest", "--output=json", "ensure.lua", "claude-code", ... }, more)
    assert(schema.check("verbs", result.stdout, "attest"))
    local links = {}
    for line in result.stdout:gmatch "[^\n]+" do
      local row = json.decode(line)
      links[row.link] = ("%s %s"):format(row.status, row.details)
    end
    return links, result.status, result.stderr
  end

  -- A PATH without ssh-keygen.
  local function without_keygen()
    local bin = w.dir .. "/bin"
    sh.run(("mkdir -p %s && ln -sf $(command -v docker) $(command -v git) %s"):format(bin, bin))
    return { MOLECULE_SIGNING_KEY = key, PATH = bin }
  end

  it("is signed when it is built, is what each link says, and is checked once", function()
    local sha = w:commit("org", "claude-code", world.template_files "one")
    local built = run(env, "--attested")
    assert.equal(0, built.status, built.stderr)
    local links, status, words = attest(env)
    assert.equal(0, status, words)
    assert.equal("holds " .. docker.id(NAME .. sha:sub(1, 12)), links.image)
    assert.equal("holds " .. sha, links.commit)
    assert.truthy(links.signature:find "^holds own%-key SHA256:", links.signature)
    local hit = run(without_keygen(), "--attested")
    assert.same({ 0, NAME .. sha:sub(1, 12) .. "\n" }, { hit.status, hit.stdout }, hit.stderr)
    os.remove(("%s/claude-code/%s.json.checked"):format(w.cache, sha:sub(1, 12)))
    assert.equal(3, run(without_keygen(), "--attested").status)
    assert.equal(0, w:run({ "plan", "ensure.lua", "claude-code", "--attested" }, env).status)
    assert.equal(0, run(env, "--attested").status)
  end)

  it("is not the image that another user of the engine made from it, with the same labels and the same tag", function()
    local tag = NAME .. w:commit("org", "claude-code", world.template_files "one"):sub(1, 12)
    assert.equal(0, run(env, "--attested").status)
    local id = docker.id(tag)
    local forged = ("FROM %s\nENV EVIL=1\nLABEL org.opencontainers.image.created=2026-11-26T00:00:00Z\n"):format(tag)
    sh.run(("printf %%s %s | docker build -q -t %s -"):format(sh.quote(forged), tag))
    assert.not_equal(id, docker.id(tag))
    assert.equal(0, run(env).status) -- without a demand it is a hit
    for _, how in ipairs { { env, "--attested" }, { { MOLECULE_SIGNING_KEY = key, MOLECULE_ATTESTED = "1" } } } do
      local result = run(table.unpack(how))
      assert.same({ 5, "" }, { result.status, result.stdout })
      local words = ("the image %s is not attested: image: the record is that of the image %s"):format(tag, id)
      assert.truthy(result.stderr:find(words, 1, true), result.stderr)
    end
    local links, status = attest(env)
    assert.equal(5, status)
    assert.truthy(links.image:find "^broken ", links.image)
    assert.truthy(links.signature:find "^holds ", links.signature)
    assert.equal(5, w:run({ "plan", "ensure.lua", "claude-code", "--attested" }, env).status)
    assert.equal(0, run(env, "--attested", "--rebuild").status)
    assert.equal(0, select(2, attest(env)))
  end)

  it("is not built where it could not be attested: nothing gets a tag, and nothing prompts", function()
    local tag = NAME .. w:commit("org", "claude-code", world.template_files "one"):sub(1, 12)
    local unsigned = run({ MOLECULE_ATTESTED = "1" })
    assert.same({ 5, "" }, { unsigned.status, unsigned.stdout })
    assert.truthy(unsigned.stderr:find("MOLECULE_SIGNING_KEY is not set", 1, true), unsigned.stderr)
    local locked = run { MOLECULE_SIGNING_KEY = key .. "-locked" }
    assert.same({ 2, "" }, { locked.status, locked.stdout })
    assert.truthy(locked.stderr:find("has a passphrase, and no agent gives the key", 1, true), locked.stderr)
    assert.is_nil(docker.image(tag))
    assert.equal(0, run().status)
    local result = run({ MOLECULE_SIGNING_KEY = key }, "--attested") -- a hit, of a build that was not signed
    assert.equal(5, result.status)
    assert.truthy(result.stderr:find("signature: the record is not signed", 1, true), result.stderr)
    local registry = run { MOLECULE_IMAGE_REGISTRY = "registry.example", MOLECULE_ATTESTED = "1" }
    assert.same({ 2, "" }, { registry.status, registry.stdout })
    assert.is_nil(core.fs.lstat(w.cache .. "/claude-code/" .. tag:match "[^:]*$" .. ".json.checked"))
  end)
end)

-- Signatures by ssh-keygen, with keys made here: what is signed, what is refused, and what nothing waits for.
local base64 = require "molbuild.base.base64"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local sh = require "spec.support.sh"
local ssh_signature = require "molbuild.base.ssh_signature"
local task = require "molbuild.base.task"

local WHERE = "MOLECULE_SIGNING_KEY"

describe("base64", function()
  it("is read as it was written", function()
    for length = 0, 67 do
      local data = {}
      for at = 1, length do data[at] = string.char((at * 37 + length) % 256) end
      assert.equal(table.concat(data), base64.decode(base64.encode(table.concat(data))))
    end
    assert.equal("aGVsbG8=", base64.encode "hello")
  end)

  it("refuses what is none", function()
    for _, text in ipairs { "a", "ab=c", "Q===", "aGVsbG8", "aGVs bG8=", "aGVsbG8=\n", "=" } do
      assert.is_nil(base64.decode(text), text)
    end
  end)
end)

describe("a signature of ssh-keygen's", function()
  local dir, key, signers

  local function make(name, options)
    sh.run(("ssh-keygen -q -C %s %s -f %s/%s"):format(name, options or "-t ed25519 -N ''", dir, name))
    return dir .. "/" .. name
  end

  local function within(fn)
    local results
    task.run(function() results = table.pack(fn()) end)
    return table.unpack(results, 1, results.n)
  end

  local function sign(data, options)
    options = options or {}
    return within(function()
      return ssh_signature.sign(data, { key = options.key or key, where = WHERE, namespace = options.namespace or "molbuild",
        timeout = options.timeout })
    end)
  end

  local function failure(...)
    local ok, result = pcall(sign, ...)
    assert.is_false(ok)
    assert.is_true(errors.is(result), tostring(result))
    return result
  end

  local function verify(data, armored, list, time)
    return within(function()
      return ssh_signature.verify(data, armored, { signers = list or signers, namespace = "molbuild", time = time })
    end)
  end

  local function line_of(name, options)
    return ("%s %s%s\n"):format(name, options or 'namespaces="molbuild" ', sh.read(dir .. "/" .. name .. ".pub"):match "^(%S+ %S+)")
  end

  setup(function()
    dir = sh.temporary "signature"
    key = make "ann"
    signers = line_of "ann"
  end)
  teardown(function() sh.remove(dir) end)

  it("is good for the bytes that were signed, by each kind of key, and leaves no file", function()
    local before = core.fs.list(dir)
    for name, options in pairs { ecdsa = "-t ecdsa -N ''", rsa = "-t rsa -b 1024 -N ''" } do make(name, options) end
    for _, name in ipairs { "ann", "ecdsa", "rsa" } do
      local armored = sign("a\0b\n", { key = dir .. "/" .. name })
      local principal, fingerprint = verify("a\0b\n", armored, signers .. line_of(name))
      assert.equal(name, principal)
      assert.truthy(sh.run(("ssh-keygen -l -f %s/%s.pub"):format(dir, name)):find(fingerprint, 1, true))
      assert.equal(fingerprint, ssh_signature.parse(armored).fingerprint)
    end
    for _, name in ipairs { "ecdsa", "rsa" } do sh.run(("rm %s/%s %s/%s.pub"):format(dir, name, dir, name)) end
    assert.same(before, core.fs.list(dir))
  end)

  it("is of no other bytes", function()
    local principal, why = verify("other", sign "one")
    assert.is_nil(principal)
    assert.equal("the signature is not one of these bytes", why)
  end)

  it("by a key that is not in the list is refused, with its fingerprint", function()
    local other = make "bob"
    local armored = sign("x", { key = other })
    local principal, why = verify("x", armored)
    assert.is_nil(principal)
    assert.truthy(why:find("^no allowed key: it was signed by ssh%-ed25519 SHA256:"), why)
    assert.equal("bob", verify("x", armored, signers .. line_of "bob"))
    assert.is_nil(verify("x", armored, ""))
    assert.is_nil(verify("x", armored, line_of("bob", 'namespaces="git" ')))
  end)

  it("is taken from any name that the list gives the key, patterns too", function()
    local armored, public = sign "x", line_of("ann", ""):match "^%S+ (.*)"
    for list, principal in pairs { ["*"] = "*", ["!eve,*@x"] = "*@x", ["a@x,b@y"] = "a@x" } do
      assert.equal(principal, verify("x", armored, ("# a comment\n\n%s %s"):format(list, public)))
    end
  end)

  it("for another namespace is refused", function()
    local principal, why = verify("x", sign("x", { namespace = "git" }))
    assert.same({ nil, 'the signature is one for "git", not for "molbuild"' }, { principal, why })
  end)

  it("by a key whose time is limited counts as of the time that is given", function()
    local armored = sign "x"
    local list = line_of("ann", 'namespaces="molbuild",valid-after="20200101Z",valid-before="20210101Z" ')
    assert.equal("ann", verify("x", armored, list, os.time { year = 2020, month = 6, day = 1 }))
    assert.is_nil(verify("x", armored, list, os.time { year = 2019, month = 6, day = 1 }))
    assert.is_nil(verify("x", armored, list, os.time { year = 2021, month = 6, day = 1 }))
    assert.is_nil(verify("x", armored, list))
  end)

  it("that is none is refused, whatever its bytes are", function()
    local armored = sign "x"
    local function with(inner) return (armored:gsub("\n[^-]*", "\n" .. inner .. "\n", 1)) end
    local cut = armored:gsub("U1NIU0lH", "U1NIU0lI")
    for _, other in ipairs {
      "", "x", cut, armored .. "more\n", "more\n" .. armored, armored:sub(1, -40), armored .. armored, ("A"):rep(1 << 20),
      with(("A"):rep(100 * 1024)), with(base64.encode "SSHSIG\0\0\0\1\xff\xff\xff\xff"),
      with(base64.encode("SSHSIG\0\0\0\1" .. ("\0"):rep(60))), with "",
    } do
      local principal, why = verify("x", other)
      assert.same({ nil, "it is no signature of ssh-keygen's" }, { principal, why }, other:sub(1, 80))
    end
    -- The key and the namespace are right, and the signature is not.
    local bytes = base64.decode((armored:match "SIGNATURE%-+\n(.-)%-":gsub("%s", "")))
    assert.is_nil(verify("x", with(base64.encode(bytes:sub(1, -2) .. string.char(bytes:byte(-1) ~ 1)))))
    assert.is_nil(verify("x", with(base64.encode(bytes:sub(1, -9)))))
  end)

  --- Signs "x" in a process of its own, whose agent is at SOCKET: what it gives, or the kind and the message of its failure.
  local function sign_with(socket, name, timeout)
    sh.write(dir .. "/sign.lua", ([[
      local options = { key = %q, where = %q, namespace = "molbuild", timeout = %s }
      require("molbuild.base.task").run(function()
        local ok, result = require("molbuild.base.errors").try(require("molbuild.base.ssh_signature").sign, "x", options)
        print(ok and result or result.kind .. ": " .. result.message)
      end)]]):format(dir .. "/" .. name, WHERE, timeout))
    -- The interpreter that runs this: another one may not be able to load the core.
    return sh.run { "env", "SSH_AUTH_SOCK=" .. socket, assert(core.sys.executable()), dir .. "/sign.lua" }
  end

  it("is made with a public key by an agent that has the private half", function()
    local socket = dir .. "/s"
    for _, name in ipairs { "agent", "absent" } do make(name) end
    local pid = sh.run(("ssh-agent -a %s | sed -n 's/.*SSH_AGENT_PID=\\([0-9]*\\).*/\\1/p'"):format(socket))
    sh.run(("SSH_AUTH_SOCK=%s ssh-add -q %s/agent && rm %s/agent %s/absent"):format(socket, dir, dir, dir))
    local armored, absent = sign_with(socket, "agent.pub"), sign_with(socket, "absent.pub")
    sh.run("kill " .. pid)
    assert.equal("agent", verify("x", armored, line_of "agent"))
    local words = "usage: %s: %s/%s.pub is a public key, and no agent gives its private half"
    assert.equal(words:format(WHERE, dir, "absent"), absent)
    assert.equal(words:format(WHERE, dir, "agent"), sign_with(dir .. "/none", "agent.pub"))
  end)

  it("waits for no agent that does not answer", function()
    local socket = dir .. "/mute"
    local pid = sh.run(("/usr/bin/python3 -c '%s' %s >/dev/null 2>&1 & echo $!"):format(
      'import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(9); time.sleep(900)', socket))
    sh.wait_for(function() return core.fs.lstat(socket) ~= nil end)
    local said = sign_with(socket, "ann.pub", 1)
    sh.run("kill " .. pid)
    assert.equal(("timeout: %s: %s/ann.pub did not sign within 1 s: an agent, or a key that waits for a touch, gives no answer")
      :format(WHERE, dir), said)
  end)

  it("is not made with a passphrase, which nothing asks for, and which the signed bytes do not give", function()
    local locked = make("locked", "-t ed25519 -a 1 -N sesame")
    local result = failure("sesame\nx", { key = locked })
    assert.same({ "usage", ("%s: %s has a passphrase, and no agent gives the key"):format(WHERE, locked) },
      { result.kind, result.message })
    assert.equal(("ssh-add %s, and set SSH_AUTH_SOCK"):format(locked), result.hint)
  end)

  it("is not made with what is no key, or one that others can read: the message says what to do", function()
    local open = make "open"
    sh.run("chmod 640 " .. open)
    sh.write(dir .. "/text", "hello\n")
    sh.write(dir .. "/broken", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    sh.run(("chmod 600 %s/broken && ln -s %s %s/link"):format(dir, open, dir))
    for name, message in pairs {
      open = "can be read by other users (mode 640)", link = "can be read by other users (mode 640)",
      text = "is no key of OpenSSH's",
      broken = ("is not in OpenSSH's form, and there is no %s/broken.pub"):format(dir),
    } do
      local result = failure("x", { key = dir .. "/" .. name })
      assert.same({ "usage", ("%s: %s/%s %s"):format(WHERE, dir, name, message) }, { result.kind, result.message })
      assert.is_string(result.hint)
    end
    for _, path in ipairs { "/none", "", "/dev/zero" } do
      local result = failure("x", { key = path == "/dev/zero" and path or dir .. path })
      assert.equal("usage", result.kind)
      assert.truthy(result.message:find(WHERE .. ": ", 1, true))
    end
  end)
end)

describe("the public half of a key", function()
  it("is read from the private half, whether it has a passphrase or not, and from a public file", function()
    local dir = sh.temporary "public"
    local kinds = { plain = "-t ed25519 -N ''", locked = "-t ed25519 -a 1 -N sesame", pem = "-t ecdsa -m PEM -N ''" }
    for name, options in pairs(kinds) do
      local path = dir .. "/" .. name
      sh.run(("ssh-keygen -q -C 'a comment' %s -f %s"):format(options, path))
      local public = sh.read(path .. ".pub"):match "^%S+ %S+"
      assert.same({ public, false, sh.read(path .. ".pub") }, { ssh_signature.public_key(path .. ".pub", WHERE) })
      if name ~= "pem" then os.remove(path .. ".pub") end
      assert.same({ public, true, sh.read(path) }, { ssh_signature.public_key(path, WHERE) })
    end
    sh.remove(dir)
  end)
end)

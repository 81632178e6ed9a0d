-- What `molbuild doctor` says about who may sign.
local core = require "molbuild.core"
local doctor_lines = require "spec.support.doctor_lines"
local doctor_signers = require "molbuild.machine.doctor_signers"
local errors = require "molbuild.base.errors"
local sh = require "spec.support.sh"
local signing = require "spec.support.signing"
local task = require "molbuild.base.task"

describe("the check of signers", function()
  local s, job, find
  local BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEXgvhABYJKwYBBAHaRw8BAQdA\n-----END PGP PUBLIC KEY BLOCK-----\n"

  setup(function()
    s = signing.new()
    s:key "alice"
  end)
  teardown(function() s:close() end)

  local function write(text)
    sh.write(s.dir .. "/signers", text)
    sh.run(("chmod 600 %s/signers"):format(s.dir))
  end

  before_each(function()
    find = core.process.find
    function core.process.find(name) return name == "gpgv" and "/usr/bin/gpgv" or find(name) end
    job = {
      allowed_signers = s.dir .. "/signers", signers_mode = "enforce",
      variables = { allowed_signers = "SIGNERS", revoked_signers = "REVOKED", signers_mode = "MODE" },
    }
    write(("a %s\nb %s\n"):format(s:public "alice", s:public "alice"))
  end)
  after_each(function() core.process.find = find end)

  local function lines()
    return task.run(function() return (doctor_lines.of(function(report) doctor_signers.check(report, job) end)) end)
  end

  it("names the file, what is in it, and what checks signatures", function()
    assert.same({ ("ok signers: %s/signers: 2 SSH signers; checked by %s"):format(s.dir, find "ssh-keygen") }, lines())
    sh.write(s.dir .. "/revoked", s:public "alice")
    sh.run(("chmod 600 %s/revoked"):format(s.dir))
    job.revoked_signers = s.dir .. "/revoked"
    write(("a %s\n%s"):format(s:public "alice", BLOCK))
    assert.same({ ("ok signers: %s/signers: 1 SSH signers, OpenPGP keys, 1 revoked; checked by %s, /usr/bin/gpgv"):format(s.dir,
      find "ssh-keygen") }, lines())
  end)

  it("warns of the mode that only reports", function()
    job.signers_mode = "warn"
    assert.same({ ("warning signers: %s/signers: 2 SSH signers; checked by %s; MODE=warn: a commit without a good signature is "
      .. "built"):format(s.dir, find "ssh-keygen") }, lines())
  end)

  it("fails as a run would: for a wrong file, and for programs that are missing", function()
    write("nothing\n")
    assert.has_error(lines)
    for name, text in pairs { ["ssh-keygen"] = "a " .. s:public "alice", gpgv = BLOCK } do
      write(text .. "\n")
      function core.process.find(program) return program ~= name and find(program) or nil end
      local ok, failure = pcall(lines)
      assert.same({ false, "missing_tool", 3 }, { ok, failure.kind, errors.exit_code(failure) })
      assert.truthy(failure.message:find(('"%s" not found on PATH'):format(name), 1, true))
    end
  end)

  it("fails when ssh-keygen is too old to check a signature at a time", function()
    sh.write(s.dir .. "/bin/ssh-keygen", "#!/bin/sh\necho 'unknown option -- Y' >&2\necho 'usage: ssh-keygen [-q]' >&2\nexit 1\n")
    sh.run(("chmod +x %s/bin/ssh-keygen"):format(s.dir))
    local child = require "molbuild.base.child"
    local run = child.run
    finally(function() child.run = run end)
    function child.run(options)
      if options.argv[1] == "ssh-keygen" then options.argv[1] = s.dir .. "/bin/ssh-keygen" end
      return run(options)
    end
    local ok, failure = pcall(lines)
    assert.same({ false, "missing_tool", "ssh-keygen is too old to check the signature of a commit: unknown option -- Y" },
      { ok, failure.kind, failure.message })
  end)
end)

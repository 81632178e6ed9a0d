-- How git gets the program that connects.
local git_ssh = require "molbuild.repository.ssh"

local LIFT = 'ulimit -S -d "$(ulimit -H -d)"; unset GIT_ALLOC_LIMIT; '

describe("the program that ssh is", function()
  local function variables(config)
    local env = {}
    git_ssh.add(env, config)
    return env
  end

  it("is ssh without prompts if the user names none", function()
    assert.same({ GIT_SSH_COMMAND = LIFT .. "exec ssh -oBatchMode=yes", GIT_SSH_VARIANT = "ssh", SSH_ASKPASS_REQUIRE = "never" },
      variables {})
  end)

  for command, variant in pairs {
    ["ssh -i key"] = "ssh", ["/usr/bin/ssh -v"] = "ssh", ["'/my dir/plink.exe' -x"] = "plink", ["TortoisePlink"] = "tortoiseplink",
    ['"/a b/ssh"'] = "ssh", ["my-ssh -x"] = false, ["X=1 ssh"] = false,
  } do
    it("is the user's: " .. command, function()
      local env = variables { ["core.sshcommand"] = command }
      assert.equal(LIFT .. command, env.GIT_SSH_COMMAND)
      assert.equal(variant or nil, env.GIT_SSH_VARIANT)
      assert.is_nil(variables({ ["core.sshcommand"] = command, ["ssh.variant"] = "simple" }).GIT_SSH_VARIANT)
    end)
  end

  it("is read from what git config prints, the last value of several", function()
    assert.same({ ["core.sshcommand"] = "b\nc", ["ssh.variant"] = "ssh" },
      git_ssh.parse "core.sshcommand\na\0core.sshcommand\nb\nc\0ssh.variant\nssh\0")
    assert.same({}, git_ssh.parse "")
  end)

  it("is asked for where it is needed, once", function()
    local asked = 0
    local function ask()
      asked = asked + 1
      return "core.sshcommand\nx\0"
    end
    for _, scheme in ipairs { "https", "http", "file", "none" } do
      assert.same({}, git_ssh.settings(scheme, ask))
    end
    assert.equal(0, asked)
    for _, scheme in ipairs { "ssh", "git", "ssh" } do
      assert.same({ ["core.sshcommand"] = "x" }, git_ssh.settings(scheme, ask))
    end
    assert.equal(1, asked)
  end)
end)

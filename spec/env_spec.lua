-- Environment variables, as policies read them.
local env = require "molbuild.env"
local core = require "molbuild.core"

describe("a variable that has one of a few values", function()
  local values = {}
  local getenv = core.sys.getenv

  setup(function()
    core.sys.getenv = function(name) return values[name] end
  end)

  teardown(function()
    core.sys.getenv = getenv
  end)

  it("has no other", function()
    for value, expected in pairs { git = "git", gitea = "gitea", [""] = false } do
      values.MOLBUILD_SPEC = value
      assert.equal(expected, env.choice("MOLBUILD_SPEC", "git", "gitea") or false)
    end
    values.MOLBUILD_SPEC = nil
    assert.is_nil((env.choice("MOLBUILD_SPEC", "git", "gitea")))
    values.MOLBUILD_SPEC = "svn"
    local ok, failure = pcall(env.choice, "MOLBUILD_SPEC", "git", "gitea")
    assert.is_false(ok)
    assert.same({ "usage", 'MOLBUILD_SPEC must be git or gitea, not "svn"' }, { failure.kind, failure.message })
  end)
end)

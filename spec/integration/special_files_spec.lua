-- Special files in place of a regular file: molbuild reports them, or reads them, and never waits without end.
local run = require "spec.support.run"
local sh = require "spec.support.sh"

describe("a pipe in place of", function()
  local dir

  before_each(function()
    dir = sh.temporary "special"
    sh.run { "mkfifo", dir .. "/fifo" }
    sh.write(dir .. "/policy.lua", [[
      return { run = function()
        local url = "https://forge.example/org/repo"
        local token = molbuild.token.find(url, { file = "TOKEN_FILE" })
        return token and token:secret_for(url) == "the-token" and "found" or "none"
      end }
    ]])
  end)

  after_each(function()
    sh.remove(dir)
  end)

  -- molbuild as a shell starts it, which may have made pipes for it.
  local function in_a_shell(line, env)
    local options = { program = "/bin/bash", args = { "-c", line, run.program }, env = env, timeout = 30 }
    return run.run(options)
  end

  local function policy(env)
    return run.run { args = { "run", dir .. "/policy.lua" }, env = env, timeout = 30 }
  end

  it("the policy is read to its end", function()
    local pipe = in_a_shell(('exec "$0" run <(sleep 0.2; cat %s/policy.lua)'):format(dir))
    assert.equal("none\n", pipe.stdout, pipe.stderr)
    local stdin = in_a_shell(('cat %s/policy.lua | "$0" run /dev/stdin'):format(dir))
    assert.equal("none\n", stdin.stdout, stdin.stderr)
  end)

  it("the token's file is read to its end", function()
    local result = in_a_shell(('TOKEN_FILE=<(sleep 0.2; echo the-token) exec "$0" run %s/policy.lua'):format(dir))
    assert.equal("found\n", result.stdout, result.stderr)
    assert.is_nil(result.stderr:find("the-token", 1, true))
  end)

  it("either, without a writer, is one clear error", function()
    local as_policy = run.run { args = { "run", dir .. "/fifo" }, timeout = 30 }
    for _, result in ipairs { as_policy, policy { TOKEN_FILE = dir .. "/fifo" } } do
      assert.equal(2, result.status, result.stderr)
      assert.truthy(result.stderr:find(dir .. "/fifo is not a regular file, and no process writes to it\n", 1, true), result.stderr)
    end
  end)

  it("certificates is one clear error", function()
    sh.write(dir .. "/policy.lua", [[return { run = function()
      local response, message = molbuild.core.http.request { url = "https://127.0.0.1:1/" }
      return response or message
    end }]])
    local result = policy { SSL_CERT_FILE = dir .. "/fifo" }
    assert.equal(dir .. "/fifo is not a regular file\n", result.stdout, result.stderr)
  end)

  it("docker's configuration is one clear error", function()
    sh.write(dir .. "/policy.lua", "return { run = function() molbuild.docker.engine() end }")
    sh.run { "mv", dir .. "/fifo", dir .. "/config.json" }
    local result = policy { DOCKER_CONFIG = dir, DOCKER_HOST = false }
    assert.equal(2, result.status, result.stderr)
    assert.truthy(result.stderr:find(dir .. "/config.json is not a regular file", 1, true), result.stderr)
  end)

  it("the log of a child is one clear error", function()
    sh.write(dir .. "/policy.lua", ("return { run = function() molbuild.child.run { argv = { 'true' }, log_file = %q } end }")
      :format(dir .. "/fifo"))
    local result = policy()
    assert.equal(1, result.status, result.stderr)
    assert.truthy(result.stderr:find(dir .. "/fifo: it is not a regular file", 1, true), result.stderr)
  end)
end)

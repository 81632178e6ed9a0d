--- What specs of a fetch have in common: a world with the template repository org/t-hermes, runs that only fetch it, and the
--- repository that the cache keeps of it. To be used with busted's setup, teardown and before_each.
local assert = require "luassert"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local fetching = {}

--- A file in each commit that nothing can compress: it shows whether a fetch transferred everything.
local NOISE = {}
do
  local state = 1
  for index = 1, 50000 do
    state = state * 6364136223846793005 + 1442695040888963407
    NOISE[index] = string.pack("<I8", state >> 3 ~ state << 5)
  end
  NOISE = table.concat(NOISE)
end

--- Functions that share a world, which start() creates.
function fetching.new()
  local f = {}

  --- The world.
  function f.start()
    f.w = world.new()
    f.repository = f.w.cache .. "/repositories/hermes.git"
    return f.w, f.repository
  end

  function f.stop()
    f.w:close()
  end

  --- Before each case: neither templates nor a cache, nor what a case made the forge answer, nor a user's settings.
  function f.clean()
    sh.run(("rm -rf %s %s/work %s/repos/* %s/canned/* %s/.gitconfig"):format(
      f.w.cache, f.w.dir, f.w.forge, f.w.forge, f.w.home))
  end

  function f.commit(says, before)
    local files = world.template_files(says)
    files.noise = NOISE
    return f.w:commit("org", "hermes", files, "main", before)
  end

  function f.fetch(env, more)
    return f.w:fetch("hermes", env, more)
  end

  --- A run that must succeed, with the tree of COMMIT. Returns its stderr.
  function f.check(sha, env)
    local run = f.fetch(env)
    assert.equal(0, run.status, run.stderr)
    sh.run(("diff -r --exclude=.git %s/work/org/t-hermes %s/hermes/%s"):format(f.w.dir, f.w.cache, sha:sub(1, 12)))
    assert.equal("", sh.run(("ls %s/tmp"):format(f.w.cache)))
    assert.equal(sha .. "\n", sh.read(f.repository .. "/refs/molbuild/head"))
    return run.stderr
  end

  --- How often a run reported that it cannot use the kept repository.
  function f.warnings(text)
    return select(2, text:gsub("is not used, everything is fetched again", ""))
  end

  return f
end

return fetching

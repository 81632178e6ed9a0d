-- A release is a function of its commit: made again in another directory, from the very beginning, it has the same bytes.
local release = require "spec.support.release"
local sh = require "spec.support.sh"

describe("a release that is made again in another directory", function()
  it("has the same bytes", function()
    -- Kept, so that a next run compiles only what has changed; nothing of it comes from the first one but the sources.
    local again = release.work .. "/again"
    sh.run(("rm -rf %s/tree %s/out && mkdir -p %s/work"):format(sh.quote(again), sh.quote(again), sh.quote(again)))
    sh.run { "git", "clone", "-q", "--no-hardlinks", ".", again .. "/tree" }
    sh.run(("cp -r %s/sources %s/work/"):format(release.work, sh.quote(again)))
    sh.run(("cd %s/tree && env -u BUILD RELEASE_OUT=../out RELEASE_WORK=../work tools/release.sh 2>../log"):format(sh.quote(again)))
    assert.equal(sh.read(release.out .. "/SHA256SUMS"), sh.read(again .. "/out/SHA256SUMS"))
  end)
end)

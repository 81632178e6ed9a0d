--- Fork of a fork: a team changes the policy of its organisation, push.lua, which is in the same directory.
---   molbuild run docs/examples/fork-of-fork.lua claude-code
local molbuild = require "molbuild"
local ensure = molbuild.load "push.lua"

ensure.image_prefix = "registry.internal.example/team-agents"
ensure.per_runtime.hermes = { branch = "team", ceiling = 1800 }

-- The steps of push.lua remain: this one is the organisation's, with its push.
local alias = ensure.alias
function ensure.alias(job)
  alias(job)
  molbuild.log.info("the team's image of %s is %s", job.runtime, job.tag)
end

return ensure

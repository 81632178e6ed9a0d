--- A runtime with its own host and branch: its template is on another forge, which needs another token.
---   PARTNER_TOKEN=... molbuild run docs/examples/own-host.lua partner-agent
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

table.insert(ensure.runtimes, "partner-agent")
ensure.per_runtime["partner-agent"] = {
  repo_url = "https://git.partner.example/agents/partner-agent",
  branch = "stable",
  head_lookup = "git", -- that forge has no Gitea API
  token_env = "PARTNER_TOKEN", -- the variable that holds the token; the policy itself holds no secret
}

return ensure

--- Mirror: templates and Python packages come from servers of the operator's own network.
---   molbuild run docs/examples/mirror.lua claude-code
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

ensure.repo_prefix = "https://git.internal.example/mirrors/molecule-ai-workspace-template-"
ensure.head_lookup = "git" -- the mirror has no Gitea API
ensure.build_args.PIP_INDEX_URL = "https://pypi.internal.example/simple"

return ensure

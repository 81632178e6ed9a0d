--- Private index: pip gets the token of a private index as a secret of the build, which no image, log or argument has.
---   PIP_TOKEN=... molbuild run docs/examples/private-index.lua claude-code
--- The Dockerfile of the template reads it where it needs it:
---   RUN --mount=type=secret,id=pip \
---     PIP_INDEX_URL="https://build:$(cat /run/secrets/pip)@pypi.internal/simple" pip install -r requirements.txt
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

ensure.secrets = { pip = { env = "PIP_TOKEN" } }
-- One runtime has another secret, too, and the stage `runtime` of its Dockerfile is its image.
ensure.per_runtime.hermes = { secrets = { npm = { file = "/run/secrets/npm" } }, target = "runtime" }

return ensure

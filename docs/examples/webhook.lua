--- Webhook on failure: a chat room gets a message about each runtime that has no image.
---   WEBHOOK_URL=https://chat.example/hooks/... molbuild run docs/examples/webhook.lua --all
local molbuild = require "molbuild"
local core = molbuild.core
local ensure = molbuild.load "ensure.lua"

-- The URL is a secret: it is masked in all output, and no child process gets it.
local url = core.sys.take_env "WEBHOOK_URL"
if url then molbuild.errors.must(core.mask.secret(url)) end

function ensure.finally(job, outcome, failure)
  if not url or outcome ~= "failed" then return end
  local text = ("%s has no image: %s"):format(job.runtime, core.mask.text(failure.message))
  local answer = molbuild.errors.must(core.http.request {
    method = "POST", url = url, timeout = 5,
    headers = { ["Content-Type"] = "application/json" }, body = molbuild.encode.object { text = text },
  })
  if answer.status >= 300 then molbuild.raise { message = "the webhook answered with status " .. answer.status } end
end

return ensure

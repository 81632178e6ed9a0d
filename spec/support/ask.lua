--- Queries an engine through molbuild, in a given environment.
local cjson = require "cjson"
local run = require "spec.support.run"

--- Asks what its arguments say, "image|REF", "tag|REF|ALIAS" or "platform", and prints the answers as JSON; last,
--- which back end gave the last one.
local POLICY = [[
  local cjson = require "cjson"
  return { run = function(args)
    local engine, out = molbuild.docker.engine(), {}
    for index, question in ipairs(args) do
      local words = {}
      for word in (question .. "|"):gmatch "(.-)|" do words[#words + 1] = word end
      local ok, answer, message = pcall(engine[words[1] ], engine, table.unpack(words, 2))
      if not ok and (not molbuild.errors.is(answer) or answer.kind == "cancelled") then error(answer, 0) end
      out[index] = cjson.encode(ok and { answer = answer, message = message }
        or { kind = answer.kind, message = answer.message, hint = answer.hint })
    end
    out[#out + 1] = package.loaded["molbuild.engine.cli"] and "program" or "api"
    return table.unpack(out)
  end }
]]

local ask = { policy = POLICY }

--- The options of run.start() that ask QUESTIONS; more of them in OPTIONS. `script` there is a file with the policy.
function ask.options(env, questions, options)
  local script = options and options.script or "/dev/stdin"
  local all = { args = { "run", script, table.unpack(questions) }, stdin = POLICY, env = env }
  for name, value in pairs(options or {}) do all[name] = value end
  return all
end

--- Ask: a list of { answer } | { message } | { kind, message, hint }, one per question, and "api" or "program".
---@param env table  the environment's variables; false takes one away
---@param questions string[]  "image|REF", "tag|REF|ALIAS", "platform"
---@param options table?  of run.start()
function ask.ask(env, questions, options)
  local result = run.run(ask.options(env, questions, options))
  assert(result.status == 0, result.stderr)
  local answers, by = {}, nil
  for line in result.stdout:gmatch "[^\n]+" do
    if line:find "^{" then answers[#answers + 1] = cjson.decode(line) else by = line end
  end
  return answers, by
end

return ask

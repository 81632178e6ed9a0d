-- The texts of events, the same for all renderers.

local text = require "molbuild.base.text"

local say = {}

--- How a policy wants its runs to be shown: its field `words`. What it does not set is shown in neutral words.
---@class molbuild.Words
---@field prefix string?  precedes each line and message
---@field outcomes table<string, string>?  what the outcomes of jobs are called
---@field unchanged string?  the outcome of a job that found its image: it needs one line
---@field slow string[]?  the steps that take long: each has a line when it starts and when it ends

--- What precedes each line: `local-build: `, or the program's name.
---@param words molbuild.Words
---@return string
function say.head(words)
  return text.one_line(words.prefix or "molbuild") .. ": "
end

--- The same, followed by the runtime's name when there are several.
---@param e table
---@param several boolean
---@param words molbuild.Words
---@return string
function say.prefix(e, several, words)
  return say.head(words) .. (several and e.runtime and text.one_line(e.runtime) .. ": " or "")
end

--- The line that names the running script.
---@param e table  run_started
---@param words molbuild.Words
---@return string
function say.script(e, words)
  return say.head(words) .. "running " .. text.one_line(e.path)
end

--- The holder of a lock, and how long this run has waited.
---@param e table  lock_waiting
---@return string
function say.holder(e)
  local holder, waited = e.holder, e.seconds >= 1 and ", waited " .. text.duration(e.seconds) or ""
  if not holder then
    return "waiting for the lock " .. text.one_line(e.path) .. waited
  end
  return ("waiting for the lock held by pid %d on %s since %s (%s)%s"):format(
    holder.pid, text.one_line(holder.host), require("molbuild.base.amounts").date(holder.start),
    text.one_line(holder.purpose), waited)
end

--- A short form, for a place where the lines above contain the rest.
---@param e table  lock_waiting
---@return string
function say.held(e)
  local holder = e.holder
  return holder and ("held by pid %d on %s (%s)"):format(
    holder.pid, text.one_line(holder.host), text.one_line(holder.purpose)) or "held by another process"
end

--- A step's name with the count of build steps.
---@param step string
---@param done integer
---@param total integer
---@return string
function say.count(step, done, total)
  return ("%s %d/%d"):format(step, done, total)
end

--- The report of output that could not be written.
---@param count integer  the number of lines
---@param reason string?  why; nil when the reader did not read it
---@return string
function say.dropped(count, reason)
  return ("%d line%s dropped: stderr %s"):format(count, count == 1 and " was" or "s were",
    reason and "could not be written: " .. reason or "was not read")
end

local LEVEL = { warn = { "warning: ", "yellow" }, error = { "error: ", "red" } }

--- How a runtime got its image.
---@param outcome string?
---@param words molbuild.Words
---@return string
function say.outcome(outcome, words)
  return text.one_line((words.outcomes or {})[outcome or ""] or outcome or "done")
end

local sentences = {}

function sentences.log(e, paint)
  local level = LEVEL[e.level]
  return (level and paint(level[1], level[2]) or "") .. text.one_line(e.message)
end

function sentences.building(e)
  return ("building %s from %s at %s for %s%s"):format(text.one_line(e.image), text.one_line(e.url), text.one_line(e.sha),
    text.one_line(e.platform), e.reason and ": " .. text.one_line(e.reason) or "")
end

function sentences.lock_waiting(e)
  return say.holder(e)
end

function sentences.lock_acquired(e)
  return "acquired the lock after " .. text.duration(e.seconds)
end

function sentences.retry(e)
  return ("%s: %s; attempt %d of %d in %.1fs"):format(
    text.one_line(e.what), text.one_line(e.message), e.attempt, e.attempts, e.seconds)
end

function sentences.result(e, _, words)
  return ("%s %s"):format(text.one_line(e.image), say.outcome(e.outcome, words))
end

--- The line for an event that has one: log, building, lock_waiting, lock_acquired, retry, result.
---@param e table
---@param several boolean
---@param paint fun(text: string, name: string?): string
---@param words molbuild.Words
---@return string?
function say.line(e, several, paint, words)
  local sentence = sentences[e.event]
  return sentence and say.prefix(e, several, words) .. sentence(e, paint, words)
end

--- Why an image is built, for a screen on which the runtime's own line has the rest.
---@param e table  building
---@param several boolean
---@param words molbuild.Words
---@return string
function say.reason(e, several, words)
  return say.prefix(e, several, words) .. "building: " .. text.one_line(e.reason)
end

--- Lines that a child printed. The core has removed everything that could steer a terminal, except tabs.
---@param e table  line
---@param lines string  each line ends in a newline
---@param several boolean
---@return string  without the last newline
function say.output(e, lines, several)
  local shown = lines:sub(1, -2)
  if shown:find("\t", 1, true) then
    shown = shown:gsub("\t", " ")
  end
  if several and e.runtime then
    local name = "[" .. text.one_line(e.runtime) .. "] "
    shown = name .. shown:gsub("\n", "\n" .. name:gsub("%%", "%%%%"))
  end
  return shown
end

return say

--- Finds the known word that a mistyped word probably means.
local nearest = {}

--- The number of edits that turn A into B. An edit inserts, removes or replaces a character, or swaps two neighbours. Nil
--- when there are more than LIMIT.
local function distance(a, b, limit)
  if math.abs(#a - #b) > limit then return nil end
  local before, last, row = {}, {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, before[j - 2] + 1)
      end
      row[j] = best
    end
    before, last, row = last, row, before
  end
  return last[#b] <= limit and last[#b] or nil
end

--- The word of a set that is nearest to WORD, capitals aside; nil when none is near. One edit is near; in words of six
--- characters and more, two are. Of two that are equally near the first in the alphabet is taken.
---@param word string
---@param known table<string, any>  the words are the keys; other keys are skipped
---@param limit integer?  the most edits, instead of the usual number
---@return string?
function nearest.of(word, known, limit)
  local best, best_distance = nil, nil
  limit = limit or #word >= 6 and 2 or 1
  for name in pairs(known) do
    local d = type(name) == "string" and name ~= word and distance(word:lower(), name:lower(), math.min(limit, #name - 1))
    if d and (not best or d < best_distance or d == best_distance and name < best) then
      best, best_distance = name, d
    end
  end
  return best
end

--- The same as the end of a message: `; did you mean "build"?`, or "" when no word is near.
---@param word string
---@param known table<string, any>
---@return string
function nearest.hint(word, known)
  local name = nearest.of(word, known)
  return name and ('; did you mean "%s"?'):format(name) or ""
end

return nearest

-- The table of docs/fleet.md about a day of a fleet: calculated again from the inputs that the page names.
local sh = require "spec.support.sh"

local function section(name)
  return assert(sh.read "docs/fleet.md":match(("<%%!%%-%%- %s %%-%%->\n(.-)<%%!%%-%%- end of %s"):format(name, name)), name)
end

-- The rows of a table, as lists of cells.
local function rows(name)
  local list = {}
  for line in section(name):gmatch "[^\n]+" do
    local cells = {}
    for cell in line:sub(2):gmatch "%s*(.-)%s*|" do cells[#cells + 1] = cell end
    if not line:find "^| %-" then list[#list + 1] = cells end
  end
  return table.move(list, 2, #list, 1, {}) -- without the head
end

describe("docs/fleet.md on paper", function()
  local input = {}

  setup(function()
    for _, cells in ipairs(rows "inputs") do
      input[cells[1]] = assert(tonumber(cells[2]), cells[1])
    end
  end)

  local function grouped(number)
    local digits = ("%.0f"):format(number)
    return (digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
  end

  it("is what its inputs give", function()
    local hosts, runtimes, every = input.hosts, input.runtimes, input["seconds between two looks of a watch"]
    local commits = runtimes * input["moves of a template a day"]
    local needed, starts = hosts * commits, hosts * input["starts a host a day"]
    local a_second = starts / runtimes / 86400 -- of one runtime
    local late = input["seconds of a build and its push"]
    local lookup, clone = input["requests to the forge of a lookup"], input["requests to the forge of a clone"]
    local pull = input["requests to the registry of a pull"]
    local none = input["requests to the registry of a pull that finds no image"]
    local built = none + input["requests to the registry of a push"]
    local looks = runtimes * 86400 / every
    local changed, whole = input["GB of the layers that a move changes, compressed"], input["GB of a whole image, compressed"]
    local function tb(count, gb) return count * gb / 1000 end

    local everyone = math.floor(commits * (1 + a_second * late) + 0.5)
    local early = math.floor(commits * a_second * (every / 2 + late) + 0.5)
    local early_looks = needed * (every / 2 + late) / every
    local expected = {
      { needed, starts * lookup + needed * clone, 0, 0 },
      { everyone, starts * lookup + everyone * clone, built * everyone + pull * (needed - everyone),
        tb(needed - everyone, changed) },
      { commits, (starts + looks) * lookup + commits * clone, built * commits + pull * needed + none * early,
        tb(needed, changed) },
      { needed, starts * lookup + needed * clone, 0, tb(needed, whole) },
      { commits, (hosts + 1) * looks * lookup + commits * clone, built * commits + pull * needed + none * early_looks,
        tb(needed, changed) },
    }
    local found = rows "fleet"
    assert.equal(#expected, #found)
    for index, numbers in ipairs(expected) do
      for column, number in ipairs(numbers) do
        assert.equal(grouped(number), found[index][column + 1], found[index][1])
      end
    end
    local page = sh.read "docs/fleet.md"
    for words, number in pairs {
      ["%s a day of the 2,000,000"] = early, ["%s requests a second\n"] = hosts * looks / 86400,
      ["instead of %s."] = starts / 86400,
      ["makes that %s."] = hosts * runtimes * 24 / 86400, ["are %s processors"] = needed * late / 86400,
    } do
      assert.truthy(page:find(words:format(grouped(number)), 1, true), words:format(grouped(number)))
    end
  end)
end)

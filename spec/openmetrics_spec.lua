-- Numbers as OpenMetrics text; what other programs read in it is in spec/support/metrics.py.
local openmetrics = require "molbuild.base.openmetrics"
local sh = require "spec.support.sh"

describe("OpenMetrics", function()
  local metrics

  before_each(function() metrics = openmetrics.new() end)

  it("is the families in their order, and the series in the order of their labels", function()
    local results = metrics:add("counter", "test_results", "What came of it.")
    local age = metrics:add("gauge", "test_age_seconds", "How old it is.")
    results:add({ runtime = "b", outcome = "hit" }, 1)
    results:add({ outcome = "hit", runtime = "b" }, 2)
    results:add({ runtime = "a", outcome = "built" }, 0)
    age:set({ runtime = "a" }, 1.5)
    age:set({ runtime = "gone" }, 7)
    age:set({ runtime = "gone" }, nil)
    metrics:add("gauge", "test_empty", "Without a series.")
    assert.equal(table.concat({
      "# HELP test_results What came of it.", "# TYPE test_results counter",
      'test_results_total{outcome="built",runtime="a"} 0', 'test_results_total{outcome="hit",runtime="b"} 3',
      "# HELP test_age_seconds How old it is.", "# TYPE test_age_seconds gauge", "# UNIT test_age_seconds seconds",
      'test_age_seconds{runtime="a"} 1.5', "# EOF", "",
    }, "\n"), metrics:text())
  end)

  it("counts and adds up in a summary", function()
    local steps = metrics:add("summary", "test_step_seconds", "How long it took.")
    steps:add({ step = "build" }, 1.25)
    steps:add({ step = "build" }, 2)
    local samples = 'test_step_seconds_count{step="build"} 2\ntest_step_seconds_sum{step="build"} 3.25\n'
    assert.truthy(metrics:text():find(samples, 1, true), metrics:text())
  end)

  it("escapes labels, and repairs what is no UTF-8", function()
    metrics:add("gauge", "test_value", "A value."):set({ runtime = 'a"b\\c\nd\xff' }, 1)
    assert.truthy(metrics:text():find('test_value{runtime="a\\"b\\\\c\\nd\u{FFFD}"} 1\n', 1, true), metrics:text())
  end)

  it("writes numbers as both formats do", function()
    local value = metrics:add("gauge", "test_value", "A value.")
    for name, number in pairs { nan = 0 / 0, inf = math.huge, minus = -math.huge, large = 2 ^ 53, small = 1e-9 } do
      value:set({ name = name }, number)
    end
    local text = metrics:text()
    for name, shown in pairs { nan = "NaN", inf = "+Inf", minus = "-Inf", large = "9007199254740992", small = "1e-09" } do
      assert.truthy(text:find(('test_value{name="%s"} %s\n'):format(name, shown), 1, true), text)
    end
  end)

  it("forgets the series of what is gone", function()
    local results = metrics:add("counter", "test_results", "What came of it.")
    results:add({ runtime = "a" }, 1)
    results:add({ runtime = "b" }, 1)
    results:keep("runtime", { b = true })
    assert.falsy(metrics:text():find('"a"', 1, true))
    assert.truthy(metrics:text():find('test_results_total{runtime="b"} 1', 1, true))
  end)

  it("is read by the parsers of OpenMetrics and of Prometheus' text format", function()
    local dir = sh.temporary "metrics"
    local results = metrics:add("counter", "test_results", "What came of it.")
    results:add({ runtime = 'a"b\\c\nd' }, 3)
    metrics:add("summary", "test_step_seconds", "How long it took."):add({ step = "build" }, 2.5)
    metrics:add("gauge", "test_age_seconds", "How old it is."):set({ runtime = "a" }, math.huge)
    sh.write(dir .. "/test.prom", metrics:text())
    local read = sh.run { "/usr/bin/python3", "spec/support/metrics.py", dir .. "/test.prom" }
    sh.remove(dir)
    assert.equal(table.concat({
      'openmetrics test_results_total {"runtime": "a\\"b\\\\c\\nd"} 3.0',
      'openmetrics test_step_seconds_count {"step": "build"} 1.0', 'openmetrics test_step_seconds_sum {"step": "build"} 2.5',
      'openmetrics test_age_seconds {"runtime": "a"} inf',
      'text test_results_total {"runtime": "a\\"b\\\\c\\nd"} 3.0',
      'text test_step_seconds_count {"step": "build"} 1.0', 'text test_step_seconds_sum {"step": "build"} 2.5',
      'text test_age_seconds {"runtime": "a"} inf',
    }, "\n"), read)
  end)
end)

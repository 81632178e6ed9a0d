local text = require "molbuild.base.text"

describe("text.one_line", function()
  it("leaves ordinary text alone", function()
    assert.equal("déjà vu 日本", text.one_line("déjà vu 日本"))
  end)

  it("joins lines", function()
    assert.equal("one | two | three", text.one_line("one\ntwo\r\nthree\n"))
  end)

  it("takes control characters out", function()
    assert.equal("a b[31mc", text.one_line("a\tb\27[31m\0\7\127c"))
  end)

  it("shows a C1 control character as a question mark", function()
    assert.equal("a?31m", text.one_line("a\u{9B}31m"))
  end)

  it("makes no new control character of what it leaves", function()
    assert.equal("???", text.one_line("\xC2\xC2\x9B\x9B"))
    assert.equal("?", text.one_line("\xC2\27\x9B"))
  end)

  it("shows a byte that is no UTF-8 as a question mark, and so what changes the direction of the text", function()
    assert.equal("a?31m — é?", text.one_line("a\x9B31m — é\xFF"))
    assert.equal("a?b?c", text.one_line("a\u{202E}b\u{2066}c"))
  end)

  it("takes no longer than the text is", function()
    local begun = os.clock()
    assert.equal(2 ^ 20, #text.one_line((" "):rep(2 ^ 20 - 1) .. "\27x"))
    assert.equal("x", text.one_line(("\n"):rep(2 ^ 20) .. "x"):sub(-1))
    assert.equal(2 ^ 16, #text.one_line(("\x9B"):rep(2 ^ 16)))
    assert.is_true(os.clock() - begun < 2)
  end)
end)

describe("text.number", function()
  it("reads decimal numbers as people write them, however large", function()
    for s, number in pairs {
      ["0"] = 0, ["90"] = 90, ["0.5"] = 0.5, ["007"] = 7, ["010"] = 10, [" 720 "] = 720, ["720\r"] = 720, ["1."] = 1,
      ["99999999999"] = 99999999999, ["9999999999999999999999"] = 1e22, [("9"):rep(400)] = math.huge,
    } do
      assert.equal(number, text.number(s), s)
    end
  end)

  it("takes nothing else for one", function()
    for _, s in ipairs { "", " ", "-1", "+1", "1e3", "0x10", "inf", "nan", "1h", "1,5", "1_000", "1 000", ".5", "1.5.2", "١" } do
      assert.is_nil(text.number(s), s)
    end
  end)
end)

describe("text.duration", function()
  it("counts seconds, minutes and hours", function()
    assert.equal("0s", text.duration(0.9))
    assert.equal("3s", text.duration(3))
    assert.equal("59s", text.duration(59.99))
    assert.equal("1m12s", text.duration(72))
    assert.equal("2m00s", text.duration(120))
    assert.equal("1h02m", text.duration(3725))
    assert.equal("0s", text.duration(-1))
  end)
end)

describe("text.cut", function()
  it("cuts between characters", function()
    assert.equal("ab", text.cut("ab", 2))
    assert.equal("a", text.cut("aé", 2))
    assert.equal("aé", text.cut("aéx", 3))
    assert.equal("", text.cut("日本", 2))
    assert.equal("", text.cut("ab", -1))
  end)
end)

describe("text.bar", function()
  it("fills as far as the count is", function()
    assert.equal("[####-----]", text.bar(4, 9))
    assert.equal("[---------]", text.bar(0, 5))
    assert.equal("[#########]", text.bar(5, 5))
  end)

  it("stays a bar for counts that make no sense", function()
    assert.equal("[#########]", text.bar(12, 9))
    assert.equal("[---------]", text.bar(-3, 9))
  end)
end)

describe("text.shown", function()
  it("lets no byte steer a terminal or break a document", function()
    assert.equal("a?b?c", text.shown "a\nb\27c")
    assert.equal("a?b", text.shown "a\xFFb")
    assert.equal("a?b", text.shown "a\u{9B}b")
    assert.equal("a?b", text.shown "a\u{202E}b")
    assert.equal("é", text.shown "é")
  end)

  it("cuts what is long, at a character's end", function()
    assert.equal(("x"):rep(200) .. "...", text.shown(("x"):rep(300)))
    assert.equal(("é"):rep(100) .. "...", text.shown(("é"):rep(300)))
    assert.equal("x" .. ("é"):rep(99) .. "...", text.shown("x" .. ("é"):rep(300)))
  end)
end)

local among = require("molbuild.progress.newest").among

describe("the newest line", function()
  it("is the last one that says something", function()
    assert.equal("two", among "one\n  two  \n \n\n")
    assert.equal("one", among "one\n")
    assert.is_nil(among "\n")
    assert.is_nil(among " \n\n")
  end)

  it("is not what a builder says of itself", function()
    assert.equal("Collecting x", among "#9 [6/8] RUN pip\n#9 sha256:588e3229\n#9 0.417 Collecting x\n#9 DONE 4.5s\n#9 ...\n")
    assert.equal("FROM x", among "FROM x\nStep 4/9 : RUN pip\n ---> Running in 543f1d4b\nRemoving intermediate container 5\n")
    assert.equal("exporting layers", among "#12 exporting layers\n#12 CACHED\n")
  end)

  it("is found among very many, whatever they hold", function()
    assert.equal("end", among(("x\n"):rep(100000) .. "end\n"))
    assert.is_nil(among("far away\n" .. ("#9 ...\n"):rep(100000)))
    assert.equal(("x"):rep(32767), among(("x"):rep(100000) .. "\n"))
  end)
end)

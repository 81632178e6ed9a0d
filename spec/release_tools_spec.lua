-- The parts of tools/release that need no network and no compiler. spec/release tests what they make together (make release-test).
local sh = require "spec.support.sh"

describe("tools/release", function()
  local dir

  before_each(function() dir = sh.temporary "tools" end)
  after_each(function() sh.remove(dir) end)

  -- What a piece of shell prints that has the functions of these parts; stderr too.
  local function bash(parts, script)
    local lines = { "set -euo pipefail", "TREE=$PWD SOURCE_DATE_EPOCH=86400 WORK=" .. sh.quote(dir) }
    for _, part in ipairs(parts) do lines[#lines + 1] = ". tools/release/" .. part .. ".sh" end
    lines[#lines + 1] = script
    return sh.run { "bash", "-c", table.concat(lines, "\n") }
  end

  it("adds the sources to what apt installs from, in both forms of its configuration", function()
    sh.write(dir .. "/etc/sources.list.d/debian.sources",
      "Types: deb\nURIs: http://host/debian\nSuites: one\nComponents: main\nSigned-By: /key\n\nTypes: deb\nURIs: http://other\n")
    sh.write(dir .. "/etc/sources.list",
      "# a comment\ndeb [signed-by=/key] http://host/debian one main\ndeb-src http://host/old two main\n")
    sh.write(dir .. "/etc/sources.list.d/notes.save", "deb http://nothing three main\n")
    bash({ "common", "sources" }, "mkdir $WORK/into; with_sources $WORK/etc $WORK/into")
    assert.equal("Types: deb deb-src\nURIs: http://host/debian\nSuites: one\nComponents: main\nSigned-By: /key\n\n"
      .. "Types: deb deb-src\nURIs: http://other\n", sh.read(dir .. "/into/debian.sources"))
    assert.equal("deb [signed-by=/key] http://host/debian one main\ndeb-src [signed-by=/key] http://host/debian one main\n",
      sh.read(dir .. "/into/sources.list"))
    assert.is_nil(sh.read(dir .. "/into/notes.save"))
  end)

  describe("takes", function()
    -- A mirror that has the files of one version alone.
    local MIRROR = [[
      mkdir -p $WORK/sources
      versions_of() { printf '%s\n' 3.0.22-1~deb12u2 3.0.20-1~deb12u2 3.0.17-1~deb12u2; }
      unpack_source() { echo "no file" >"$WORK/sources/$1.log"; [ "$2" = "$HAS" ]; }
    ]]

    it("the newest version that can be downloaded, with a warning if a newer one is listed", function()
      assert.equal("openssl 3.0.22-1~deb12u2 3.0.22-1~deb12u2",
        bash({ "common", "sources" }, MIRROR .. "HAS=3.0.22-1~deb12u2; take_source openssl"))
      assert.equal("release: warning: openssl 3.0.22-1~deb12u2 cannot be downloaded; 3.0.20-1~deb12u2 is used\n"
        .. "openssl 3.0.20-1~deb12u2 3.0.22-1~deb12u2",
        bash({ "common", "sources" }, MIRROR .. "HAS=3.0.20-1~deb12u2; take_source openssl"))
    end)

    it("no older version with RELEASE_NEWEST=1, and says what apt said", function()
      assert.equal("release: cannot download the source package openssl 3.0.22-1~deb12u2: no file\nstatus 1",
        bash({ "common", "sources" }, MIRROR
          .. "HAS=3.0.20-1~deb12u2 RELEASE_NEWEST=1; (take_source openssl) 2>&1 || echo status $?"))
    end)

    it("no package that the distribution does not have", function()
      local said = bash({ "common", "sources" }, "versions_of() { :; }; (take_source openssl) 2>&1 || echo status $?")
      assert.truthy(said:find("release: the distribution has no source package openssl\nhint: ", 1, true), said)
    end)
  end)

  it("keeps a library until its recipe, its version, or one that it is built upon changes", function()
    local SCRIPT = [[
      mkdir -p $WORK/amd64/root
      printf 'a 1 1\nb 1 1\n' >$WORK/versions
      logged() { echo "built $4"; mkdir -p "$5"; }
      build_a() { one; }
      build_b() { two; }
      all() { RECIPE=same; library amd64 a; library amd64 b; echo; }
      all 2>/dev/null
      all 2>/dev/null
      sed -i 's/^b 1/b 2/' $WORK/versions; all 2>/dev/null
      build_a() { other; }; all 2>/dev/null
    ]]
    assert.equal("built a\nbuilt b\n\n\nbuilt b\n\nbuilt a\nbuilt b\n",
      bash({ "common", "sources", "toolchain", "libraries" }, SCRIPT))
  end)

  it("writes the versions of the distribution as a package's URL has them", function()
    local ID = sh.run "sed -n 's/^ID=//p' /etc/os-release"
    assert.equal(("pkg:deb/%s/zlib@1%%3A1.2%%2Bdfsg-1%%7Edeb12u1?arch=source"):format(ID),
      bash({ "common", "sbom" }, "reference_of zlib '1:1.2+dfsg-1~deb12u1'"))
  end)

  it("marks a component of which there is a newer version, and no other one", function()
    local newer = bash({ "common", "sbom" }, "component curl 1 2")
    assert.truthy(newer:find('"molbuild:newest-version-not-available", "value": "2"', 1, true), newer)
    assert.is_nil(bash({ "common", "sbom" }, "component curl 1 1"):find("properties", 1, true))
  end)

  it("says how a library differs from the distribution's", function()
    local curl, openssl = bash({ "common", "sbom" }, "component curl 1 1"), bash({ "common", "sbom" }, "component openssl 1 1")
    assert.truthy(curl:find('"pedigree": { "notes": "libcurl does not start OpenSSL', 1, true), curl)
    assert.is_nil(openssl:find("pedigree", 1, true))
  end)

  it("refuses an architecture that it has no compiler for", function()
    assert.truthy(bash({ "common" }, "(triple_of riscv64) 2>&1 || :"):find("no release for the architecture riscv64", 1, true))
  end)

  it("makes an archive whose bytes do not depend on dates, modes and the order of files", function()
    local SCRIPT = [[
      pack_one() {
        mkdir -p $WORK/stage/x/d
        for name in $1; do echo $name >$WORK/stage/x/$name; done
        touch -d "$2" $WORK/stage/x/b
        chmod "$3" $WORK/stage/x/b
        pack x $WORK/$4.tar.gz 2>/dev/null
        rm -r $WORK/stage
      }
      pack_one "a b d/c" "2001-01-01" 644 one
      pack_one "d/c b a" "2002-02-02" 664 two
      cmp $WORK/one.tar.gz $WORK/two.tar.gz && tar -tzf $WORK/one.tar.gz
    ]]
    assert.equal("x/\nx/a\nx/b\nx/d/\nx/d/c", bash({ "common", "archive" }, SCRIPT))
  end)
end)

-- The images that a Dockerfile is built from, as text alone shows them.
local dockerfile = require "molbuild.repository.dockerfile"

describe("a Dockerfile's images", function()
  --- Each as its name, "?" and its text where that is not known; "*" marks the one whose layers the image has.
  local function bases(text, options)
    local list = {}
    for index, base in ipairs(dockerfile.bases(text, options) or { { text = "nothing" } }) do
      list[index] = (base.name or "?" .. base.text) .. (base.final and "*" or "")
    end
    return table.concat(list, " ")
  end

  local CASES = {
    { "FROM debian:12\n", "debian:12*" },
    { "from debian:12", "debian:12*" },
    { "\xEF\xBB\xBFFROM debian:12\r\nRUN x\r\n", "debian:12*" },
    { "# a comment\n\n  FROM   --platform=$BUILDPLATFORM   debian:12   AS   Build\nFROM build\nFROM scratch\n"
      .. "COPY --from=Build /a /\n", "debian:12" },
    { "FROM a AS one\nFROM b AS two\nFROM one AS three\n", "a* b" },
    { "FROM a AS one\nFROM ONE\nFROM b\nFROM one\n", "a* b" },
    { "FROM scratch\nCOPY x /\n", "" },
    { "FROM a\nFROM a\n", "a*" },
    { "FROM debian:12@sha256:" .. ("a"):rep(64) .. "\n", "debian:12@sha256:" .. ("a"):rep(64) .. "*" },
    -- Variables.
    { "ARG V=12\nFROM debian:$V\n", "debian:12*" },
    { "ARG V=12\nARG BASE=debian:${V}\nFROM ${BASE}-slim\n", "debian:12-slim*" },
    { 'ARG BASE="debian:12"\nFROM "$BASE"\n', "debian:12*" },
    { "ARG V\nFROM debian:${V:-11}\n", "debian:11*" },
    { "ARG V=\nFROM debian:${V:-11}${V:+x}\n", "debian:11*" },
    { "ARG A=1 B=2\nFROM x:$A.${B}\n", "x:1.2*" },
    { "ARG V\nFROM debian:$V\n", "?debian:$V*" },
    { "FROM x:$TARGETARCH\n", "?x:$TARGETARCH*" },
    { "ARG V=12\nFROM debian:${V%.*}\n", "?debian:${V%.*}*" },
    { "ARG V=12\nFROM debian:${V/1/2}\n", "?debian:${V/1/2}*" },
    { "FROM a\nARG V=12\nFROM debian:$V\n", "a ?debian:$V*" },
    -- Continuations, comments, the escape character.
    { "FROM \\\n  debian:12 \\\n# a comment\n\n  AS x\n", "debian:12*" },
    { "# escape=`\nFROM `\n debian:12\nRUN dir c:\\\nFROM b\n", "debian:12 b*" },
    { "RUN x # escape=`\nFROM a\nRUN a \\\n  FROM b\n", "a*" },
    { "# comment\n# escape=`\nFROM a\nRUN a `\nFROM b\n", "a b*" },
    -- Here-documents.
    { "FROM a\nRUN <<EOF\nFROM evil\nEOF\nFROM b\n", "a b*" },
    { "FROM a\nRUN <<-'EOF' cat\n\tFROM evil\n\tEOF\nCOPY <<A <<B /x/\nFROM evil\nA\nFROM evil\nB\nFROM b\n", "a b*" },
    { "FROM a\nRUN echo '<<EOF'\nFROM b\n", "a b*" },
    { "FROM a\nRUN echo \"x <<EOF\" 'y <<EOF' \\\\ \\\" <<E\nFROM evil\nE\nFROM b\n", "a b*" },
    { "FROM a\nRUN x <<EOF\nFROM b\n", "?nothing" },
    { "FROM a\nRUN dir c:\\\\\nFROM b\n", "a b*" },
    { "FROM a\nRUN x \\ \nFROM evil\n", "a*" },
    { "FROM a\nRUN test 1 <<< 2\nFROM b\n", "a b*" },
    { "FROM a\nENV X=<<EOF\nFROM b\n", "a b*" },
    -- Images that files are copied from.
    { "FROM a\nCOPY --chown=1 --from=b:2 /x /\nCOPY --from=0 /x /\nCOPY --from=$X /y /\n", "a* b:2 ?$X" },
    -- Rules of another frontend.
    { "# syntax=docker/dockerfile:1\nFROM a\n", "a*" },
    { "# syntax=example.com/other\nFROM a\n", "?nothing" },
    { "", "" },
  }

  for _, case in ipairs(CASES) do
    it(("of %q are %s"):format(case[1], case[2] ~= "" and case[2] or "none"), function()
      assert.equal(case[2], bases(case[1]))
    end)
  end

  it("depend on build arguments, which override, and on the stage that is built", function()
    assert.equal("debian:13*", bases("ARG V=12\nFROM debian:$V\n", { build_args = { V = "13" } }))
    assert.equal("?debian:$V*", bases("FROM debian:$V\n", { build_args = { V = "13" } }))
    assert.equal("?debian:$V*", bases("ARG V\nFROM debian:$V\n", { build_args = { V = "$(x)" } }))
    assert.equal("a* b", bases("FROM a AS one\nFROM b AS two\n", { target = "ONE" }))
    assert.equal("a b*", bases("FROM a AS one\nFROM b AS two\n", { target = "1" }))
  end)
end)

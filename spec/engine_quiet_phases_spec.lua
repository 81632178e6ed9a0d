-- BuildKit's export and unpack phases are silent by nature. The outputs are recorded ones.
local docker_output = require "molbuild.engine.output"

--- The lines of TEXT after which silence is expected.
local function quiet_lines(text, builder)
  local quiet, list = docker_output.quiet_phases(builder or "buildkit"), {}
  for line in text:gmatch "[^\n]*\n" do
    if quiet(line:sub(1, -2)) then list[#list + 1] = line:sub(1, -2) end
  end
  return list
end

describe("docker_output.quiet_phases", function()
  it("knows those of an engine that stores images itself", function()
    assert.same({ "#6 exporting to image", "#6 sha256:e8c613e07b0b7ff3", "#6 exporting layers" }, quiet_lines [[
#4 [1/2] COPY busybox /bin/busybox
#4 CACHED

#5 [2/2] RUN ["/bin/busybox", "dd", "if=/dev/urandom", "of=/big", "bs=1M", "count=200"]
#5 sha256:2dc3ecc223c1a97e
#5 3.650 200+0 records in
#5 3.650 200+0 records out
#5 DONE 3.8s

#6 exporting to image
#6 sha256:e8c613e07b0b7ff3
#6 exporting layers
#6 exporting layers 1.7s done
#6 writing image sha256:5b9363718548d8d2 done
#6 naming to docker.io/molecule-local/workspace-template-hermes:c5edb5e4a9dd done
#6 DONE 1.7s
]])
  end)

  it("knows those of one that stores them in containerd", function()
    assert.same({
      "#9 exporting to image", "#9 exporting layers", "#9 exporting config sha256:98070ccc38937f2a",
      "#9 unpacking to docker.io/library/shelf:dev",
    }, quiet_lines [[
#8 [4/4] RUN go build -o /usr/local/bin/shelf .
#8 DONE 14.2s

#9 exporting to image
#9 exporting layers
#9 exporting layers 4.3s done
#9 exporting manifest sha256:731b625606a0776d 0.0s done
#9 exporting config sha256:98070ccc38937f2a
#9 exporting config sha256:98070ccc38937f2a 0.6s done
#9 exporting attestation manifest sha256:444597349083ae88 done
#9 exporting manifest list sha256:e9c1218ac39b6a17 0.0s done
#9 naming to docker.io/library/shelf:dev done
#9 unpacking to docker.io/library/shelf:dev
#9 unpacking to docker.io/library/shelf:dev 1.0s done
#9 DONE 5.4s
]])
  end)

  it("knows those of an image that comes from a builder elsewhere (recorded: buildx 0.10.5, a remote buildkitd 0.11.6)", function()
    assert.same({
      "#6 exporting to docker image format", "#6 exporting layers", "#6 sending tarball", "#7 importing to docker",
    }, quiet_lines [[
#5 [2/2] RUN ["/bin/busybox", "sh", "-c", "/bin/busybox date; /bin/busybox dd if=/dev/urandom of=/big bs=1M count=60"]
#0 0.092 Thu Nov 26 04:41:43 UTC 2026
#5 0.533 60+0 records in
#5 0.533 60+0 records out
#5 DONE 0.6s

#6 exporting to docker image format
#6 exporting layers
#6 exporting layers 2.6s done
#6 exporting manifest sha256:2be2df2760a6aff5 0.0s done
#6 exporting config sha256:0e5ea4eae9881162 0.0s done
#6 sending tarball
#6 sending tarball 2.3s done
#6 DONE 5.0s

#7 importing to docker
#7 DONE 0.8s
]])
  end)

  for _, line in ipairs { "#9 DONE 5.4s", "#9 ERROR: no space left on device", "#9 CANCELED" } do
    it("end with the line " .. line, function()
      assert.same({ "#9 exporting layers" }, quiet_lines("#9 exporting layers\n" .. line .. "\n#10 resolving provenance\n"))
    end)
  end

  it("continue while another phase prints something", function()
    assert.same({ "#9 exporting layers", "#10 DONE 0.0s" }, quiet_lines [[
#9 exporting layers
#10 DONE 0.0s
#9 exporting layers 0.1s done
]])
  end)

  it("are not begun by what a build step prints", function()
    assert.same({}, quiet_lines [[
#5 [2/2] RUN echo exporting layers
#5 0.203 exporting layers
#5 0.203 #9 exporting layers
#5 0.203 unpacking to /opt
exporting layers
Step 2/3 : RUN exporting layers
]])
  end)

  it("are BuildKit's alone", function()
    assert.same({}, quiet_lines("#3 exporting to image\n#3 exporting layers\nunpacking to /opt\n", "classic"))
  end)

  it("ignores lines that are not BuildKit's", function()
    assert.same({ "#99999 exporting layers" }, quiet_lines "#100000 exporting layers\n#99999 exporting layers\n#99999 DONE 1s\n")
  end)
end)

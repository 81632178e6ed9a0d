-- The system's store of trusted certificates, in every form that a distribution gives it. Each case has an /etc of its own, in a
-- mount namespace; Debian's own tool makes most of them. The servers are openssl's.
local run = require "spec.support.run"
local sh = require "spec.support.sh"
local tls_server = require "spec.support.tls_server"

--- Asks a server for the head of a branch, as the lookup does.
local POLICY = 'return { run = function(args) return molbuild.gitea.branch_head(args[1] .. "/org/t-x", "main", {}) end }'
local COMMIT = ("7"):rep(40)
local BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
local NOTE = "certificates are verified with " .. BUNDLE
local NO_STORE = "this system has no store of trusted certificates that can be read: install ca-certificates, or set SSL_CERT_FILE"

describe("the system's store of certificates", function()
  local root = sh.run "id -u" == "0"
  local dir, servers, good, expired, other, etc

  --- A server with CERTIFICATE: its URL.
  local function serve(certificate)
    return servers:start(dir .. "/www", certificate, "-HTTP")
  end

  --- What is asked where /etc is ETC: the result of a run.
  local function ask(url, env, verbose, policy)
    local script = 'mount -t tmpfs -o mode=755 tmpfs /etc && cp -a "$0"/. /etc && exec "$@"'
    return run.run {
      args = { "run", verbose and "-v" or "-q", "/dev/stdin", url }, stdin = policy or POLICY, env = env,
      prefix = { "unshare", root and "-m" or "-mr", "sh", "-c", script, etc },
    }
  end

  local function assert_trusted(url, env)
    local result = ask(url, env)
    assert.equal(COMMIT .. "\n", result.stdout, result.stderr)
    assert.equal("", result.stderr)
  end

  --- It is refused, for a reason that holds TEXT, with one line and a hint.
  local function assert_refused(url, text, env)
    local result = ask(url, env)
    assert.equal("", result.stdout)
    assert.truthy(result.stderr:find(text, 1, true), result.stderr)
    assert.truthy(result.stderr:find "^[^\n]+\nhint: [^\n]+\n$", result.stderr)
  end

  --- Whether -v reports that the bundle was needed.
  local function needs_bundle(url)
    local result = ask(url, nil, true)
    assert.equal(COMMIT .. "\n", result.stdout, result.stderr)
    return result.stderr:find(NOTE, 1, true) ~= nil
  end

  --- Debian's tool, for a store with the certificates in DIR/local and two of Debian's kind.
  local function update(more)
    local options = ("--certsconf %s/conf --certsdir %s/shipped --localcertsdir %s/local --etccertsdir %s/etc/ssl/certs"):format(
      dir, dir, dir, dir)
    sh.run(("PATH=$PATH:/usr/sbin update-ca-certificates %s --hooksdir /nonexistent %s"):format(options, more or ""))
  end

  --- Put a certificate into the store, under the name of a file.
  local function add(certificate, name)
    sh.run(("cp %s/%s.pem %s/local/%s.crt"):format(dir, certificate, dir, name))
  end

  local function shell(command)
    sh.run(("cd %s/ssl/certs && %s"):format(etc, command))
  end

  setup(function()
    dir, servers = sh.temporary "trust", tls_server.none()
    etc = dir .. "/etc"
    -- The roots of both have the same name, and other keys.
    for _, name in ipairs { "one", "two" } do
      sh.run(("mkdir %s/%s && spec/support/certificates.sh %s/%s"):format(dir, name, dir, name))
    end
    sh.run(([[cd %s/one && touch ca.index && echo 77 >ca.serial && export CN='molbuild test' SAN=DNS:x CA=ca &&
      openssl req -config openssl.cnf -new -key ca.key -out old.csr && openssl ca -selfsign -batch -notext -config openssl.cnf \
        -keyfile ca.key -extensions authority -startdate 200101000000Z -enddate 210101000000Z -in old.csr \
        -out old-ca.pem]]):format(dir))
    sh.run(([[cd %s && mkdir -p shipped local etc/ssl/certs && for name in a b; do echo $name.crt >>conf &&
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -subj "/CN=shipped $name" -days 30 \
        -out shipped/$name.crt || exit 1; done]]):format(dir))
    add("one/ca", "ca")
    update()
    sh.run(("cd %s && mkdir first && mv etc local first"):format(dir))
    sh.write(dir .. "/www/api/v1/repos/org/t-x/branches/main",
      ('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"commit":{"id":"%s"}}'):format(COMMIT))
    good, expired, other = serve "../one/server", serve "../one/expired", serve "../two/server"
  end)

  teardown(function()
    servers:stop()
    sh.remove(dir)
  end)

  before_each(function()
    sh.run(("cd %s && rm -rf local etc && cp -a first/. ."):format(dir))
  end)

  it("has a certificate that the system's tool added, and its directory suffices", function()
    assert_trusted(good)
    assert.is_false(needs_bundle(good))
    assert_refused(other, "unable to get local issuer certificate")
  end)

  it("does not have one that the tool removed", function()
    sh.run(("rm %s/local/ca.crt"):format(dir))
    update "--fresh"
    assert_refused(good, "unable to get local issuer certificate")
  end)

  it("does not have one that was removed from the bundle, while the directory still leads to it", function()
    sh.run(("rm %s/local/ca.crt && cp -a %s/etc %s/kept"):format(dir, dir, dir))
    update "--fresh"
    sh.run(("cp -a %s/kept/ssl/certs/*.0 %s/one/ca.pem %s/ssl/certs && cd %s/ssl/certs && ln -sf %s/one/ca.pem ca.pem"):format(
      dir, dir, etc, etc, dir))
    shell "openssl rehash ."
    assert_refused(good, "the system's directory of trusted certificates has its authority, and the bundle does not")
    sh.remove(dir .. "/kept")
  end)

  it("has one that only the bundle has, as -v reports", function()
    shell "rm ca.pem *.0 && openssl rehash ."
    assert_trusted(good)
    assert.is_true(needs_bundle(good))
  end)

  it("has all certificates of a file with two, for which the tool makes no hashed name", function()
    sh.run(("cat %s/two/ca.pem >>%s/local/ca.crt"):format(dir, dir))
    update "--fresh"
    assert_trusted(good)
    assert_trusted(other)
    assert.is_true(needs_bundle(other))
  end)

  it("has the new certificate of a file, and not the old one, for which the tool renews no hashed name", function()
    add("two/ca", "ca")
    update()
    assert_trusted(other)
    assert_refused(good, "unable to get local issuer certificate")
  end)

  it("has two certificates with the same hash", function()
    add("two/ca", "second")
    update()
    shell "test -e $(openssl x509 -hash -noout -in ca.pem).1"
    for _, url in ipairs { good, other } do
      assert_trusted(url)
      assert.is_false(needs_bundle(url))
    end
  end)

  it("has a renewed certificate beside the expired one of the same name, and refuses the expired one alone", function()
    add("one/old-ca", "aged")
    update()
    assert_trusted(good)
    sh.run(("rm %s/local/ca.crt"):format(dir))
    update "--fresh"
    assert_refused(good, "certificate has expired")
  end)

  it("does not make an expired certificate of a server valid", function()
    assert_refused(expired, "certificate has expired")
  end)

  it("can be a bundle alone, at the place that a distribution gives it", function()
    for _, place in ipairs { "ssl/certs/ca-certificates.crt", "pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "ssl/cert.pem" } do
      sh.run(("rm -rf %s && mkdir %s"):format(etc, etc))
      sh.write(etc .. "/" .. place, sh.read(dir .. "/one/ca.pem"))
      assert_trusted(good)
      assert.is_false(needs_bundle(good))
    end
    assert_refused(other, "unable to get local issuer certificate")
  end)

  it("can be a directory alone", function()
    shell "rm ca-certificates.crt"
    assert_trusted(good)
    assert_refused(other, "unable to get local issuer certificate")
  end)

  it("may be empty, or not there: the error says what to do", function()
    for _, command in ipairs { "rm -rf ../certs", ": >ca-certificates.crt", "rm -rf *; : >ca-certificates.crt" } do
      shell(command)
      assert_refused(good, NO_STORE)
      sh.run(("mkdir -p %s/ssl/certs"):format(etc))
      update "--fresh"
    end
  end)

  it("is its bundle where others can write to the directory: what they put there is not even opened", function()
    shell "chmod go+w . && rm *.0 && mkfifo $(openssl x509 -hash -noout -in ca.pem).0"
    assert_trusted(good)
  end)

  it("gives way to SSL_CERT_FILE and SSL_CERT_DIR", function()
    assert_trusted(good, { SSL_CERT_FILE = "", SSL_CERT_DIR = "" })
    sh.run(("cp -rL %s/etc/ssl/certs %s/hashed && rm %s/local/ca.crt"):format(dir, dir, dir))
    update "--fresh"
    assert_trusted(good, { SSL_CERT_FILE = dir .. "/one/ca.pem" })
    assert_trusted(good, { SSL_CERT_DIR = dir .. "/hashed" })
    assert_refused(good, "unable to get local issuer certificate")
  end)

  it("is not added to the certificates of a ca_file", function()
    local policy = ([[local core = require "molbuild.core"
      return { run = function(args)
        return core.http.request { url = args[1], ca_file = "%s/two/ca.pem" } and "trusted" or "refused"
      end }]]):format(dir)
    assert.equal("refused\n", ask(good, nil, false, policy).stdout)
    assert.equal("trusted\n", ask(other, nil, false, policy).stdout)
  end)
end)

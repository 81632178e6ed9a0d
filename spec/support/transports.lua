--- A real sshd and a real git daemon on 127.0.0.1, with keys, a configuration and a client's configuration of their own.
local server = require "spec.support.server"
local sh = require "spec.support.sh"

local transports = {}

--- Start both for the repositories of a world without a forge (DIR/repos). Gives an object with
---   ssh, git        the beginning of a URL, to the world's directory and to its repositories
---   server          the beginning of a URL of the server's own directories
---   config          for ssh -F: it has the key, and knows the server
---   program         a directory with a program ssh that reads it, and writes its arguments to DIR/ssh.calls
---   stop()
--- `env` are variables of what sshd starts.
---@param options { env: table<string, string>? }?
function transports.start(w, options)
  local dir = sh.run(("mktemp -d %s/ssh.XXXXXX"):format(w.dir))
  sh.run(("ssh-keygen -q -t ed25519 -N '' -f %s/host && ssh-keygen -q -t ed25519 -N '' -f %s/key"):format(dir, dir))
  -- Where sshd wants it: the daemon of the system has the same one.
  sh.run "[ $(id -u) != 0 ] || mkdir -p /run/sshd"
  local set = {}
  for name, value in pairs(options and options.env or {}) do set[#set + 1] = (" %s=%s"):format(name, value) end
  sh.write(dir .. "/sshd_config", table.concat({
    #set > 0 and "SetEnv" .. table.concat(set) or "",
    "KexAlgorithms curve25519-sha256", -- the usual one takes more time than all else that ssh does
    "ListenAddress 127.0.0.1", "HostKey " .. dir .. "/host", "PidFile none", "AuthorizedKeysFile " .. dir .. "/key.pub",
    "StrictModes no", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "",
  }, "\n"))
  local self = { dir = dir }
  local program = sh.run "PATH=$PATH:/usr/sbin command -v sshd"
  local sshd = server.start("sshd", function(port)
    return { program = program, args = { "-D", "-e", "-f", dir .. "/sshd_config", "-p", port } }
  end)
  local daemon = server.start("git daemon", function(port)
    return { program = "git", args = {
      "daemon", "--reuseaddr", "--listen=127.0.0.1", "--port=" .. port, "--export-all",
      ("--base-path=%s/repos"):format(w.dir), w.dir .. "/repos",
    } }
  end)
  self.server = ("ssh://%s@127.0.0.1:%d"):format(sh.run "id -un", sshd.port)
  self.ssh = self.server .. w.dir
  self.git = ("git://127.0.0.1:%d"):format(daemon.port)
  sh.write(dir .. "/known_hosts", ("[127.0.0.1]:%d %s"):format(sshd.port, sh.read(dir .. "/host.pub")))
  self.config = dir .. "/ssh_config"
  sh.write(self.config, (
    "Host *\n\tIdentityFile %s/key\n\tIdentitiesOnly yes\n\tUserKnownHostsFile %s/known_hosts\n"):format(dir, dir))
  self.program = dir .. "/bin"
  sh.run("mkdir " .. self.program)
  sh.write(self.program .. "/ssh", ('#!/bin/sh\n{ echo "$*"; ulimit -S -d; } >>%s/ssh.calls\nexec %s -F %s "$@"\n'):format(
    dir, sh.run "command -v ssh", self.config))
  sh.run("chmod +x " .. self.program .. "/ssh")
  function self.stop()
    sshd:stop()
    daemon:stop()
  end
  return self
end

return transports

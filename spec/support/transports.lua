--- A real sshd and a real git daemon on 127.0.0.1, with keys, a configuration and a client's configuration of their own.
local world = require "spec.support.world"

local transports = {}

local function free_port()
  return tonumber(world.sh "echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))")
end

--- Start COMMAND, which names its port as PORT, until it answers there. Gives the port and the process that leads its group.
local function start(dir, name, command)
  for _ = 1, 5 do
    local port = free_port()
    world.sh(("setsid sh -c 'echo $$ >%s/%s.pid; exec %s' >%s/%s.log 2>&1 </dev/null &"):format(
      dir, name, command:gsub("PORT", tostring(port)), dir, name))
    local answers = ("bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d' 2>/dev/null"):format(port)
    for _ = 1, 500 do
      local pid = tonumber(world.read(("%s/%s.pid"):format(dir, name)) or "")
      if pid and not os.execute(("kill -0 %d 2>/dev/null"):format(pid)) then
        break -- the port is taken
      elseif pid and os.execute(answers) then
        return port, pid
      end
      os.execute "sleep 0.02"
    end
  end
  error(("%s does not start:\n%s"):format(name, world.read(("%s/%s.log"):format(dir, name)) or ""))
end

--- Start both for the repositories of a world without a forge (DIR/repos). Gives an object with
---   ssh, git        the beginning of a URL, to the world's directory and to its repositories
---   config          for ssh -F: it has the key, and knows the server
---   program         a directory with a program ssh that reads it, and writes its arguments to DIR/ssh.calls
---   stop()
function transports.start(w)
  local dir = world.sh(("mktemp -d %s/ssh.XXXXXX"):format(w.dir))
  world.sh(("ssh-keygen -q -t ed25519 -N '' -f %s/host && ssh-keygen -q -t ed25519 -N '' -f %s/key"):format(dir, dir))
  -- Where sshd wants it: the daemon of the system has the same one.
  world.sh "[ $(id -u) != 0 ] || mkdir -p /run/sshd"
  world.write(dir .. "/sshd_config", table.concat({
    "ListenAddress 127.0.0.1", "HostKey " .. dir .. "/host", "PidFile none", "AuthorizedKeysFile " .. dir .. "/key.pub",
    "StrictModes no", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "",
  }, "\n"))
  local self, pids = { dir = dir }, {}
  local port, daemon_port
  port, pids[1] = start(dir, "sshd", ("%s -D -e -f %s/sshd_config -p PORT"):format(
    world.sh "PATH=$PATH:/usr/sbin command -v sshd", dir))
  daemon_port, pids[2] = start(dir, "daemon", ("git daemon --reuseaddr --listen=127.0.0.1 --port=PORT --export-all "
    .. "--base-path=%s/repos %s/repos"):format(w.dir, w.dir))
  self.ssh = ("ssh://%s@127.0.0.1:%d%s"):format(world.sh "id -un", port, w.dir)
  self.git = ("git://127.0.0.1:%d"):format(daemon_port)
  world.write(dir .. "/known_hosts", ("[127.0.0.1]:%d %s"):format(port, world.read(dir .. "/host.pub")))
  self.config = dir .. "/ssh_config"
  world.write(self.config, (
    "Host *\n\tIdentityFile %s/key\n\tIdentitiesOnly yes\n\tUserKnownHostsFile %s/known_hosts\n"):format(dir, dir))
  self.program = dir .. "/bin"
  world.sh("mkdir " .. self.program)
  world.write(self.program .. "/ssh", ('#!/bin/sh\n{ echo "$*"; ulimit -S -d; } >>%s/ssh.calls\nexec %s -F %s "$@"\n'):format(
    dir, world.sh "command -v ssh", self.config))
  world.sh("chmod +x " .. self.program .. "/ssh")
  function self.stop()
    for _, pid in ipairs(pids) do
      os.execute(("kill -KILL -%d 2>/dev/null"):format(pid))
    end
  end
  return self
end

return transports

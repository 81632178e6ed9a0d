--- Which errors each system call can report when the world is at fault, and none that only a wrong call gets.
local errors = {}

local OPEN = "EMFILE ENFILE ENOMEM EACCES EPERM EIO EINTR ELOOP"
local CREATE = OPEN .. " ENOSPC EROFS EDQUOT"
local PATH = "EIO EACCES ENOMEM ENAMETOOLONG"
local CHANGE = "EIO EACCES EROFS ENOSPC EDQUOT ENOMEM"
local DESCRIPTOR = "EMFILE ENFILE ENOMEM"
local NEWER = "ENOSYS EPERM" -- an old kernel, or a filter of an old container runtime

--- By the name of the call; a table where it depends on what the descriptor is.
local FITTING = {
  open = OPEN, openat = OPEN, openat2 = OPEN .. " " .. NEWER,
  stat = PATH, lstat = PATH, newfstatat = PATH, statx = PATH .. " " .. NEWER, fstat = "EIO ENOMEM", readlink = PATH,
  readlinkat = PATH, access = PATH, faccessat = PATH, faccessat2 = PATH .. " " .. NEWER, chdir = PATH, fchdir = PATH,
  getcwd = "ENOENT EACCES ENOMEM ENAMETOOLONG", getdents64 = "EIO ENOMEM", statfs = "EIO ENOMEM", fstatfs = "EIO ENOMEM",
  read = { file = "EIO EINTR ENOMEM", pipe = "EINTR ENOMEM", socket = "ECONNRESET ETIMEDOUT EINTR ENOMEM" },
  write = {
    file = "EIO ENOSPC EDQUOT EINTR EFBIG", pipe = "EPIPE EINTR ENOMEM", socket = "EPIPE ECONNRESET EINTR ENOMEM",
  },
  pread64 = "EIO EINTR", pwrite64 = "EIO ENOSPC EDQUOT EINTR", lseek = "EIO", ftruncate = "EIO ENOSPC EINTR",
  copy_file_range = "EIO ENOSPC EXDEV " .. NEWER, sendfile = "EIO ENOSPC",
  fsync = "EIO ENOSPC EDQUOT", fdatasync = "EIO ENOSPC EDQUOT", flock = "EINTR ENOLCK EIO", fcntl = "EACCES ENOMEM",
  mkdir = CHANGE, mkdirat = CHANGE, rename = CHANGE .. " EBUSY", renameat = CHANGE .. " EBUSY",
  renameat2 = CHANGE .. " EBUSY " .. NEWER, unlink = "EIO EACCES EROFS EBUSY", unlinkat = "EIO EACCES EROFS EBUSY",
  rmdir = "EIO EACCES EROFS EBUSY", symlink = CHANGE, link = CHANGE, chmod = "EIO EPERM EROFS", fchmod = "EIO EPERM EROFS",
  fchmodat = "EIO EPERM EROFS", chown = "EPERM", fchown = "EPERM", lchown = "EPERM", fchownat = "EPERM",
  utimensat = "EIO EPERM EROFS",
  ioctl = "EIO ENOTTY EINTR", dup = DESCRIPTOR, dup2 = "EMFILE EINTR", dup3 = "EMFILE EINTR",
  pipe = DESCRIPTOR, pipe2 = DESCRIPTOR, eventfd2 = DESCRIPTOR, epoll_create1 = DESCRIPTOR, socketpair = DESCRIPTOR,
  signalfd4 = DESCRIPTOR, timerfd_create = DESCRIPTOR, inotify_init1 = DESCRIPTOR, memfd_create = DESCRIPTOR,
  epoll_ctl = "ENOMEM ENOSPC", epoll_wait = "EINTR EIO", poll = "EINTR ENOMEM EAGAIN", ppoll = "EINTR ENOMEM",
  select = "EINTR ENOMEM", pselect6 = "EINTR ENOMEM",
  socket = DESCRIPTOR .. " ENOBUFS EACCES EAFNOSUPPORT", bind = "EACCES EADDRNOTAVAIL",
  connect = "ECONNREFUSED ETIMEDOUT ENETUNREACH EHOSTUNREACH EACCES EADDRNOTAVAIL EINTR",
  getsockname = "ENOBUFS ENOTCONN", getpeername = "ENOBUFS ENOTCONN", getsockopt = "ENOMEM", setsockopt = "ENOPROTOOPT ENOMEM",
  sendto = "ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENOBUFS EINTR", recvfrom = "ECONNRESET ETIMEDOUT ENOMEM EINTR",
  sendmsg = "ECONNRESET EPIPE ETIMEDOUT ENOBUFS EINTR", recvmsg = "ECONNRESET ETIMEDOUT ENOMEM EINTR",
  clone = "EAGAIN ENOMEM", clone3 = "EAGAIN ENOMEM ENOSYS", fork = "EAGAIN ENOMEM", vfork = "EAGAIN ENOMEM",
  wait4 = "EINTR ECHILD", waitid = "EINTR ECHILD", kill = "EPERM ESRCH", tgkill = "ESRCH EAGAIN", setpgid = "EACCES ESRCH",
  pidfd_open = DESCRIPTOR .. " " .. NEWER, pidfd_send_signal = NEWER, close_range = NEWER, prctl = "EPERM",
  mmap = "ENOMEM EAGAIN", mremap = "ENOMEM", munmap = "ENOMEM", mprotect = "ENOMEM EACCES",
  madvise = "ENOMEM EAGAIN", getrandom = "EINTR " .. NEWER, prlimit64 = NEWER, sysinfo = "EPERM", uname = "EPERM",
  sched_getaffinity = "EPERM ENOSYS", setitimer = "EPERM",
}

--- Calls that cannot fail, those that fail only when they are called wrongly, close(2), which core/test/faulty.c does, and brk(2),
--- which reports a failure in a way of its own that no tracer imitates; that memory is short, core/test/faulty.c does, too.
local NEVER = {}
for name in ([[arch_prctl brk clock_gettime clock_nanosleep close execve exit exit_group futex getegid geteuid getgid
  getpid getpgrp getppid gettid getuid gettimeofday nanosleep restart_syscall rseq rt_sigaction rt_sigpending
  rt_sigprocmask rt_sigreturn sched_yield set_robust_list set_tid_address sigaltstack time umask]]):gmatch "%S+" do
  NEVER[name] = true
end

local ERRORS_OF_CLOSE = { "EIO", "EINTR", "ENOSPC", "EDQUOT" }

--- What a close reports although the descriptor is released.
---@return string[]
function errors.of_close()
  return ERRORS_OF_CLOSE
end

local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end

--- What the descriptor in a traced call is: "file", "pipe" or "socket".
local function kind_of(arguments)
  if arguments:find "^%d+<socket:" then return "socket" end
  if arguments:find "^%d+<pipe:" or arguments:find "^%d+<anon_inode:" then return "pipe" end
  return "file"
end

--- The errors that fit a call as strace -y prints it. An unknown call gets those that any call may report.
---@param name string  "openat"
---@param arguments string  what stands between its parentheses
---@return string[]
function errors.fitting(name, arguments)
  if NEVER[name] then return {} end
  local fitting = FITTING[name] or "ENOMEM " .. NEWER
  if type(fitting) == "table" then fitting = fitting[kind_of(arguments)] end
  if fitting == OPEN and arguments:find("O_CREAT", 1, true) then fitting = CREATE end
  return words(fitting)
end

return errors

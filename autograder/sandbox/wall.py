"""The wall around a submission: what its process may see, change and use up. Built from the
kernel's own parts (`autograder.sandbox.linux`), without root or a helper program.

`enclose` is called by a freshly forked, single-threaded process that is the first of a new process
namespace, and cannot be undone by it:

- the root folder is a new one: the Python installation and the system's libraries read-only, a
  private copy of the notebook's folder, a scratch folder, the sockets of its own kernel, and
  nothing else: no home, no course, no other submission, no programs but Python and what lies among
  the libraries;
- no network, no processes, no shared memory but its own; when its first process ends, all that it
started ends;
- no capability, no way to regain one, an ordinary user of the machine also where root grades; calls
that only help to break out fail;
- limits on memory, processes, open files, file sizes and disk.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import site
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import FolderRefused, NoWall
from autograder.sandbox import linux

try:  # here, because nothing can be imported that easily behind the wall
    import resource
except ImportError:  # Windows, where no wall is raised
    resource = None  # type: ignore[assignment]

NOBODY, STRANGERS = 65534, 1_000_000_000
"""Who a submission is where root grades: an ordinary user who owns nothing, number `STRANGERS`
and its own, or `NOBODY` where there is no such user.
"""

HOME, SCRATCH, SOCKETS = "/notebook", "/tmp", "/sockets"
_MEGABYTE = 2**20
_SYSTEM = (
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
)
_DEVICES = ("null", "zero", "full", "random", "urandom")
_ACCOUNTS = {
    "passwd": f"student:x:{{uid}}:{{gid}}::{HOME}:/usr/sbin/nologin\n",
    "group": "students:x:{gid}:\n",
    "hosts": "",
    "hostname": "wall\n",
}


@dataclass(frozen=True)
class Limits:
    """What one submission may use up. Sizes in MB (2**20 bytes).

    memory:    for all its processes together, beyond what every kernel starts with.
    processes: and threads, at one time.
    file:      size of one file that it writes.
    disk:      all files that it writes, and the copy of its folder.
    output:    what one of its cells may print and display.
    """

    memory: int = 2048
    processes: int = 64
    files: int = 256
    file: int = 64
    disk: int = 256
    output: int = 2


@dataclass(frozen=True)
class View:
    """What is to be seen inside.

    shown:  folders and files of the machine, read-only, at their own places.
    hidden: folders and files below these that are not to be seen.
    folder: the notebook's folder, of which a copy is made.
    place:  an empty folder of this kernel's own, where its root folder is mounted.
    """

    shown: tuple[str, ...]
    hidden: tuple[str, ...]
    folder: str | None
    place: str


def installation(packages: Iterable[str]) -> tuple[str, ...]:
    """What Python needs to run here: itself, its libraries, the system's libraries, and the
    named packages wherever they are installed.
    """
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix} - {"/usr"}
    libraries = {
        path
        for path in (*sys.path, site.getusersitepackages())
        if path.endswith(("site-packages", "dist-packages"))
    }
    own = {str(folder) for package in packages for folder in locations(package)}
    paths = {
        *_SYSTEM,
        *prefixes,
        *libraries,
        *own,
        sys.executable,
        os.path.realpath(sys.executable),
    }
    there = sorted(path for path in paths if os.path.lexists(path))
    return tuple(
        path for path in there if not any(Path(other) in Path(path).parents for other in there)
    )


def locations(package: str) -> list[Path]:
    """Where the top-level module `package` is installed: its folder or its file; nothing if it
    is not. It is not imported.
    """
    try:
        spec = importlib.util.find_spec(package.partition(".")[0])
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(folder).resolve() for folder in spec.submodule_search_locations]
    return [Path(spec.origin).resolve()] if spec.has_location and spec.origin else []


def enter_process_namespace() -> None:
    """Make this process's next child the first of a process namespace of its own; for an
    ordinary user, in a user namespace, too.
    """
    if _privileged():
        linux.unshare(linux.CLONE_NEWPID)
        return
    user, group = os.geteuid(), os.getegid()
    own_proc = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWPID)
    _map_user(user, group, own_proc)
    os.close(own_proc)


def enclose(view: View, limits: Limits, number: int) -> None:
    """Put this process behind the wall, for good. Raises `NoWall` or `FolderRefused`; what is half
    built ends with the process.

    number: no other kernel on this machine has it at this time. Where root grades it decides whose
        processes, pipes and descriptors Linux counts.
    """
    try:
        _enclose(view, limits, number)
    except OSError as error:
        what = f"{error.strerror} ({error.filename})" if error.filename else error.strerror
        raise NoWall(f"no wall can stand around submissions here: {what}{advice(error)}") from error


def _enclose(view: View, limits: Limits, number: int) -> None:
    linux.landlock_version()
    own_proc = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    privileged = _privileged()
    owner = _stranger(number) if privileged else (os.geteuid(), os.getegid())
    linux.unshare(
        linux.CLONE_NEWNS
        | linux.CLONE_NEWNET
        | linux.CLONE_NEWIPC
        | linux.CLONE_NEWUTS
        | linux.CLONE_NEWCGROUP
    )
    socket.sethostname("wall")
    _build(view, limits, owner)
    if privileged:
        _become(*owner, own_proc)
    os.close(own_proc)
    _limit(limits)
    linux.drop_capabilities()
    linux.die_with_parent()
    _lock()
    linux.seccomp()


def _stranger(number: int) -> tuple[int, int]:
    """A user and a group of this number's own. In a container there may be no such user: then
    all share one, and what Linux counts by user.
    """
    user = STRANGERS + number
    return (user, user) if all(_exists(kind, user) for kind in ("uid", "gid")) else (NOBODY, NOBODY)


def _exists(kind: str, number: int) -> bool:
    """Whether this user namespace has the user or group."""
    ranges = [
        line.split()
        for line in Path(f"/proc/self/{kind}_map").read_text(encoding="ascii").splitlines()
    ]
    return any(int(first) <= number < int(first) + int(count) for first, _, count in ranges)


def _privileged() -> bool:
    return os.geteuid() == 0


def _become(user: int, group: int, own_proc: int) -> None:
    """From root to an ordinary user, in a user namespace: its processes are counted apart from
    everybody else's.
    """
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    linux.allow_own_proc()
    linux.unshare(linux.CLONE_NEWUSER)
    _map_user(user, group, own_proc)


def _map_user(user: int, group: int, own_proc: int) -> None:
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        descriptor = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=own_proc)
        os.write(descriptor, text.encode())
        os.close(descriptor)


def _build(view: View, limits: Limits, owner: tuple[int, int]) -> None:
    """Mount the new root folder and move there."""
    root = view.place
    plain = linux.MS_NOSUID | linux.MS_NODEV
    os.umask(0o022)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tmpfs", root, "tmpfs", plain, "size=1m,nr_inodes=4096,mode=755")
    for name in ("etc", "dev", "dev/shm", "proc", "notebook", "tmp", "sockets", "writable"):
        os.mkdir(f"{root}/{name}")
    _writable(root, limits, owner)
    for path in view.shown:
        _show(path, root)
    for path in view.hidden:
        if any(Path(path).is_relative_to(shown) for shown in view.shown):
            _hide(f"{root}{path}")
    linux.mount(
        "tmpfs",
        f"{root}/sockets",
        "tmpfs",
        plain | linux.MS_NOEXEC,
        "size=64k,nr_inodes=16,mode=700",
    )
    os.chown(f"{root}/sockets", *owner)
    for name in _DEVICES:
        _show(f"/dev/{name}", root, linux.ATTR_NOSUID | linux.ATTR_NOEXEC)
    for name, target in (
        ("fd", "/proc/self/fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ):
        os.symlink(target, f"{root}/dev/{name}")
    for name, text in _ACCOUNTS.items():
        Path(root, "etc", name).write_text(
            text.format(uid=owner[0], gid=owner[1]), encoding="ascii"
        )
    # Read-only: files there that set the machine belong to root, who may be the one who grades.
    linux.mount("proc", f"{root}/proc", "proc", plain | linux.MS_NOEXEC | linux.MS_RDONLY)
    if view.folder:
        _copy(view.folder, f"{root}{HOME}", owner, limits)
    linux.pivot_root(root)
    linux.restrict_mount("/", linux.ATTR_RDONLY, recursive=False)
    os.chdir(HOME)
    os.umask(0o077)


def _writable(root: str, limits: Limits, owner: tuple[int, int]) -> None:
    """One file system of limited size for all that may be written."""
    linux.mount(
        "tmpfs",
        f"{root}/writable",
        "tmpfs",
        linux.MS_NOSUID | linux.MS_NODEV,
        f"size={limits.disk}m,nr_inodes=20000,mode=711",
    )
    for name, place in (("notebook", HOME), ("tmp", SCRATCH), ("shm", "/dev/shm")):
        os.mkdir(f"{root}/writable/{name}", 0o700)
        os.chown(f"{root}/writable/{name}", *owner)
        linux.mount(f"{root}/writable/{name}", f"{root}{place}", flags=linux.MS_BIND)


def _show(
    path: str, root: str, attributes: int = linux.ATTR_RDONLY | linux.ATTR_NOSUID | linux.ATTR_NODEV
) -> None:
    target = root + path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        Path(target).touch()
    linux.mount(path, target, flags=linux.MS_BIND | linux.MS_REC)
    linux.restrict_mount(target, attributes)


def _hide(target: str) -> None:
    """Cover what is at `target`, if anything is."""
    if os.path.isdir(target):
        linux.mount(
            "tmpfs",
            target,
            "tmpfs",
            linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV,
            "size=4k,mode=555",
        )
    elif os.path.exists(target):
        linux.mount("/dev/null", target, flags=linux.MS_BIND)


def _copy(folder: str, target: str, owner: tuple[int, int], limits: Limits, depth: int = 0) -> None:
    """Copy regular files and folders; what else may lie there (links, pipes) is left out."""
    if depth > 16:
        raise FolderRefused("the submission's folders are nested too deep")
    try:
        for entry in os.scandir(folder):
            copy = f"{target}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                os.mkdir(copy, 0o700)
                _copy(entry.path, copy, owner, limits, depth + 1)
            elif entry.is_file(follow_symlinks=False):
                _copy_file(entry.path, copy)
            else:
                continue
            os.chown(copy, *owner)
    except OSError as error:
        raise FolderRefused(
            "the submission's files cannot be copied: "
            f"{error.strerror} (limit {limits.disk} MB in all)"
        ) from error


def _copy_file(path: str, copy: str) -> None:
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(source, "rb") as file:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            return
        with open(copy, "xb") as new:
            while block := file.read(_MEGABYTE):
                new.write(block)


def _limit(limits: Limits) -> None:
    in_use = (
        int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        * resource.getpagesize()
    )
    # One byte, not none: with a limit of 0 the kernel would still hand the dump to a program that
    # collects them.
    caps = {
        resource.RLIMIT_AS: in_use + limits.memory * _MEGABYTE,
        resource.RLIMIT_NPROC: limits.processes,
        resource.RLIMIT_FSIZE: limits.file * _MEGABYTE,
        resource.RLIMIT_CORE: 1,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 256,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }
    for which, most in caps.items():
        _cap(which, most)


def limit_files(limits: Limits) -> None:
    """Limit the open files, too. Later than the rest: Linux refuses a process to send a
    descriptor when all its user's that wait unread are more than it may open.
    """
    _cap(resource.RLIMIT_NOFILE, limits.files)


def _cap(which: int, most: int) -> None:
    hard = resource.getrlimit(which)[1]  # the grader itself may be held to less
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (most, most))


def _lock() -> None:
    """The same once more by other means: were a mount ever writable, Landlock would still say
    no. Sockets may be made beside the kernel's, but none replaced.
    """
    read = linux.FS_EXECUTE | linux.FS_READ_FILE | linux.FS_READ_DIR
    write = linux.FS_ALL & ~linux.FS_MAKE_NODES
    devices = linux.FS_READ_FILE | linux.FS_WRITE_FILE | linux.FS_READ_DIR | linux.FS_IOCTL_DEV
    rules = {
        "/": read,
        "/dev": devices,
        HOME: write,
        SCRATCH: write,
        "/dev/shm": write,
        SOCKETS: read | linux.FS_MAKE_SOCK,
    }
    linux.landlock(rules)


def advice(error: OSError) -> str:
    """What to do about `error`, as the end of a sentence."""
    said = str(error)
    if "Landlock" in said or "landlock" in said:
        return ": grading needs Linux 5.14 or newer with Landlock switched on"
    if "unshare" in said or "Permission" in said or "not permitted" in said:
        return (
            ": the machine does not let this user make namespaces; allow unprivileged user "
            "namespaces (sysctl kernel.unprivileged_userns_clone=1,"
            " kernel.apparmor_restrict_unprivileged_userns=0), or in a "
            "container, start it with permission to do so"
        )
    return ""


def supported() -> str | None:
    """Why there can be no wall on this kind of machine; None where it is worth a try."""
    if sys.platform != "linux":
        return f"walls around submissions need Linux, and this is {platform.system()}"
    if platform.machine() not in ("x86_64", "aarch64"):
        return (
            "walls around submissions are known for x86_64 and aarch64, "
            f"and this is {platform.machine()}"
        )
    return None


def trial() -> str | None:
    """Raise a wall in a process of its own: why it cannot stand here, or None if it does."""
    if (why := supported()) is not None:
        return why
    done = subprocess.run(
        [sys.executable, "-P", "-m", "autograder.sandbox.wall"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]


def _try() -> None:
    with tempfile.TemporaryDirectory(prefix="wall-") as place:
        try:
            enter_process_namespace()
        except OSError as error:
            sys.exit(f"{error.strerror}{advice(error)}")
        pid = os.fork()
        if pid == 0:
            try:
                enclose(View(installation(["autograder"]), (), None, place), Limits(), os.getpid())
                import numpy  # noqa: F401 -- the installation can be read from inside

                os._exit(0)
            except BaseException as error:
                print(error, file=sys.stderr, flush=True)
                os._exit(1)
        _, status = os.waitpid(pid, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


def hidden(packages: Sequence[str], folders: Iterable[Path]) -> tuple[str, ...]:
    """What must not be seen though it may lie below what is shown: the question packages and the
    course's folder.
    """
    return tuple(
        sorted(
            {str(path) for package in packages for path in locations(package)}
            | {str(Path(folder).resolve()) for folder in folders}
        )
    )


if __name__ == "__main__":
    _try()

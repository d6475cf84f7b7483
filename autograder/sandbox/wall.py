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
  that only help to break out fail (`autograder.sandbox.seccomp`);
- limits on memory, processes, open files, file sizes and disk.

`_enclose` is the list of the steps, each with its reason. docs/sandbox.md ties each to the attacks
that try it.
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
from autograder.sandbox import linux, seccomp

try:  # here, because nothing can be imported that easily behind the wall
    import resource
except ImportError:  # Windows, where no wall is raised
    resource = None  # type: ignore[assignment]

NOBODY, FIRST_SUBMISSION_UID = 65534, 1_000_000_000
"""Whom root lets a submission be, see `submission_user`."""

HOME, SCRATCH, SOCKETS = "/notebook", "/tmp", "/sockets"
_MEGABYTE = 2**20
_NEW_NAMESPACES = (
    linux.CLONE_NEWNS
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWCGROUP
)
_NOSUID_NODEV = linux.MS_NOSUID | linux.MS_NODEV
_SYSTEM_LIBRARIES = (
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
_NEW_FOLDERS = (
    "etc",
    "dev",
    "dev/shm",
    "proc",
    "notebook",
    "tmp",
    "sockets",
    "writable",
)
_DEVICES = ("null", "full", "random", "urandom")
"""Without /dev/zero: what is mapped of it and shared is memory that no process is counted for."""
_DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "fd/0",
    "stdout": "fd/1",
    "stderr": "fd/2",
}
_ACCOUNTS = {
    "passwd": f"student:x:{{uid}}:{{gid}}::{HOME}:/usr/sbin/nologin\n",
    "group": "students:x:{gid}:\n",
    "hosts": "",
    "hostname": "wall\n",
}


@dataclass(frozen=True)
class Limits:
    """What one submission may use up. Sizes in MB (2**20 bytes).

    memory_mb:  for all its processes together, beyond what every kernel starts with.
    processes:  and threads, at one time.
    open_files: of each process.
    file_mb:    size of one file that it writes.
    disk_mb:    all files that it writes, and the copy of its folder.
    output_mb:  what one of its cells may print and display.
    """

    memory_mb: int = 2048
    processes: int = 64
    open_files: int = 256
    file_mb: int = 64
    disk_mb: int = 256
    output_mb: int = 2


@dataclass(frozen=True)
class View:
    """What is to be seen inside.

    shown:       folders and files of the machine, read-only, at their own places.
    hidden:      folders and files below these that are not to be seen.
    folder:      the notebook's folder, of which a copy is made.
    mount_point: an empty folder of this kernel's own, where its root folder is mounted.
    """

    shown: tuple[str, ...]
    hidden: tuple[str, ...]
    folder: str | None
    mount_point: str


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


def enclose(view: View, limits: Limits, kernel_id: int) -> None:
    """Put this process behind the wall, for good. Raises `NoWall` or `FolderRefused`; what is half
    built ends with the process.

    kernel_id: no other kernel on this machine has it at this time. Where root grades it decides
        whose processes, pipes and descriptors Linux counts.
    """
    try:
        _enclose(view, limits, kernel_id)
    except OSError as error:
        what = (
            f"{error.strerror} ({error.filename})" if error.filename else error.strerror
        )
        raise NoWall(
            f"no wall can stand around submissions here: {what}{advice(error)}"
        ) from error


def _enclose(view: View, limits: Limits, kernel_id: int) -> None:
    """The steps, in an order that each depends on."""
    # 1. A machine without Landlock is refused before anything is changed.
    linux.landlock_version()

    # 2. Keep this process's folder in /proc, which step 7 writes to. That of step 6 is read-only.
    own_proc = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    # 3. Decide who the submission will be: the folders made in step 6 belong to that user.
    owner = submission_user(kernel_id)

    # 4. Leave the machine's mounts, network, shared memory, name, groups; its processes are left.
    linux.unshare(_NEW_NAMESPACES)

    # 5. Forget the machine's name, which the new namespace begins with.
    socket.sethostname("wall")

    # 6. Put a new root folder together and move there. Before steps 7 and 9: they take the right to
    #    mount and, where root grades, to read the submission's folder.
    _build(view, limits, owner)

    # 7. Stop being root. Before step 8, whose limits count by user and by user namespace.
    if _privileged():
        _become(*owner, own_proc)
    os.close(own_proc)

    # 8. Limit what may be used. Step 9 takes the right to raise a limit again.
    _limit(limits)

    # 9. Give up every capability: nothing needs one from here on.
    linux.drop_capabilities()

    # 10. End with the warden. After steps 7 and 9, because each of them would clear it.
    linux.die_with_parent()

    # 11. Repeat the policy of the mounts in Landlock, whose rules name files of the new root.
    _restrict_paths()

    # 12. Filter system calls: last, because the steps above make calls that it denies.
    linux.set_seccomp_filter(seccomp.filter_for(platform.machine()))


# --- steps 3 and 7: who the submission is


def submission_user(kernel_id: int) -> tuple[int, int]:
    """The user and the group that a submission is.

    Where root grades, they are its own. Where a container has no such user, it is `NOBODY`; then
    all submissions share `NOBODY`, and its per-user limits. An ordinary user has no other one to
    give: there it is the grader's, and what leads past the new root folder, as /proc/self/exe does,
    meets the grader's rights.
    """
    if not _privileged():
        return os.geteuid(), os.getegid()
    submission_uid = FIRST_SUBMISSION_UID + kernel_id
    if all(_namespace_has(kind, submission_uid) for kind in ("uid", "gid")):
        return submission_uid, submission_uid
    return NOBODY, NOBODY


def _namespace_has(kind: str, number: int) -> bool:
    """Whether there is such a user ("uid") or group ("gid") in this user namespace."""
    text = Path(f"/proc/self/{kind}_map").read_text(encoding="ascii")
    for line in text.splitlines():
        first, _, count = map(int, line.split())
        if first <= number < first + count:
            return True
    return False


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
    """Say who this process is in its new user namespace: whoever it was, and nobody else exists.
    Linux lets an ordinary user map a group only after giving up setgroups.
    """
    files = {
        "setgroups": "deny",
        "uid_map": f"{user} {user} 1",
        "gid_map": f"{group} {group} 1",
    }
    for name, text in files.items():
        descriptor = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=own_proc)
        os.write(descriptor, text.encode())
        os.close(descriptor)


# --- step 6: the new root folder


def _build(view: View, limits: Limits, owner: tuple[int, int]) -> None:
    """Mount the new root folder and move there."""
    root = view.mount_point
    os.umask(0o022)
    # Nothing that is mounted from here on shows outside.
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount(
        "tmpfs", root, "tmpfs", _NOSUID_NODEV, "size=1m,nr_inodes=4096,mode=755"
    )
    for name in _NEW_FOLDERS:
        os.mkdir(f"{root}/{name}")
    _mount_writable(root, limits, owner)
    for path in view.shown:
        _show(path, root)
    for path in view.hidden:
        for place in places_to_cover(path, view.shown):
            _hide(path, root + place)
    _mount_sockets(root, owner)
    _make_devices(root)
    _write_accounts(root, owner)
    # Read-only: files there that set the machine belong to root, who may be the one who grades.
    linux.mount(
        "proc",
        f"{root}/proc",
        "proc",
        _NOSUID_NODEV | linux.MS_NOEXEC | linux.MS_RDONLY,
    )
    if view.folder:
        _copy(view.folder, f"{root}{HOME}", owner, limits)
    linux.pivot_root(root)
    linux.restrict_mount("/", linux.ATTR_RDONLY, recursive=False)
    os.chdir(HOME)
    os.umask(0o077)


def _mount_writable(root: str, limits: Limits, owner: tuple[int, int]) -> None:
    """One file system of limited size for all that may be written."""
    size = f"size={limits.disk_mb}m,nr_inodes=20000,mode=711"
    linux.mount("tmpfs", f"{root}/writable", "tmpfs", _NOSUID_NODEV, size)
    for name, place in (("notebook", HOME), ("tmp", SCRATCH), ("shm", "/dev/shm")):
        folder = f"{root}/writable/{name}"
        os.mkdir(folder, 0o700)
        os.chown(folder, *owner)
        linux.mount(folder, f"{root}{place}", flags=linux.MS_BIND)
    # What may be written is reached at these three places alone.
    linux.restrict_mount(f"{root}/writable", linux.ATTR_RDONLY, recursive=False)


def _mount_sockets(root: str, owner: tuple[int, int]) -> None:
    """A folder in memory for the kernel's sockets, too small to keep anything else."""
    folder = root + SOCKETS
    size = "size=64k,nr_inodes=16,mode=700"
    linux.mount("tmpfs", folder, "tmpfs", _NOSUID_NODEV | linux.MS_NOEXEC, size)
    os.chown(folder, *owner)


def _make_devices(root: str) -> None:
    for name in _DEVICES:
        _show(f"/dev/{name}", root, linux.ATTR_NOSUID | linux.ATTR_NOEXEC)
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, f"{root}/dev/{name}")


def _write_accounts(root: str, owner: tuple[int, int]) -> None:
    """The few files of /etc that the C library reads."""
    user, group = owner
    for name, text in _ACCOUNTS.items():
        filled = text.format(uid=user, gid=group)
        Path(root, "etc", name).write_text(filled, encoding="ascii")


def _show(
    path: str,
    root: str,
    attributes: int = linux.ATTR_RDONLY | linux.ATTR_NOSUID | linux.ATTR_NODEV,
) -> None:
    """Have `path` seen below `root`, at its own place."""
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


def places_to_cover(hidden: str, shown: Iterable[str]) -> tuple[str, ...]:
    """Where the file or folder `hidden` is seen below `shown`, each as it is spelled there: one
    folder has several names where links or mounts lead to it.
    """
    real = Path(os.path.realpath(hidden))
    places: dict[str, None] = {}
    for folder in shown:
        if os.path.islink(folder):  # shown as a link, which leads to what else is shown
            continue
        for parent in (real, *real.parents):
            if _is_same_file(parent, folder):
                places[str(Path(folder, real.relative_to(parent)))] = None
    return tuple(places)


def _is_same_file(path: Path, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:  # what is not there is the same as nothing
        return False


def _hide(path: str, target: str) -> None:
    """Cover `path` where it is seen as `target`. Raises `NoWall` if it can be seen after that."""
    if os.path.isdir(target):
        linux.mount(
            "tmpfs",
            target,
            "tmpfs",
            _NOSUID_NODEV | linux.MS_RDONLY,
            "size=4k,mode=555",
        )
    elif os.path.exists(target):
        linux.mount("/dev/null", target, flags=linux.MS_BIND)
    if _is_same_file(Path(path), target):
        raise NoWall(
            f"no wall can stand around submissions here: {path} cannot be hidden"
        )


def _copy(
    folder: str, target: str, owner: tuple[int, int], limits: Limits, depth: int = 0
) -> None:
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
            f"{error.strerror} (limit {limits.disk_mb} MB in all)"
        ) from error


def _copy_file(path: str, copy: str) -> None:
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(source, "rb") as file:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            return
        with open(copy, "xb") as new:
            while block := file.read(_MEGABYTE):
                new.write(block)


# --- steps 8 and 11: limits and Landlock


def _limit(limits: Limits) -> None:
    pages_in_use = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    address_space = pages_in_use * resource.getpagesize() + limits.memory_mb * _MEGABYTE
    caps = {
        resource.RLIMIT_AS: address_space,
        resource.RLIMIT_NPROC: limits.processes,
        resource.RLIMIT_FSIZE: limits.file_mb * _MEGABYTE,
        # One byte, not none: with a limit of 0 the kernel would still hand the dump to a program
        # that collects them.
        resource.RLIMIT_CORE: 1,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 256,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }
    for resource_number, limit in caps.items():
        _cap(resource_number, limit)


def limit_open_files(limits: Limits) -> None:
    """Limit the open files, too. Later than the rest: Linux refuses a process to send a
    descriptor when all its user's that wait unread are more than it may open.
    """
    _cap(resource.RLIMIT_NOFILE, limits.open_files)


def _cap(resource_number: int, limit: int) -> None:
    _, hard = resource.getrlimit(resource_number)
    if hard != resource.RLIM_INFINITY:  # the grader itself is held to less
        limit = min(limit, hard)
    resource.setrlimit(resource_number, (limit, limit))


def _restrict_paths() -> None:
    """Defence in depth: were a mount ever writable, Landlock would still say no. Sockets may be
    made beside the kernel's, but none replaced.
    """
    read = linux.FS_EXECUTE | linux.FS_READ_FILE | linux.FS_READ_DIR
    write = linux.FS_ALL & ~linux.FS_MAKE_NODES
    use_devices = (
        linux.FS_READ_FILE
        | linux.FS_WRITE_FILE
        | linux.FS_READ_DIR
        | linux.FS_IOCTL_DEV
    )
    linux.landlock(
        {
            "/": read,
            "/dev": use_devices,
            HOME: write,
            SCRATCH: write,
            "/dev/shm": write,
            SOCKETS: read | linux.FS_MAKE_SOCK,
        }
    )


# --- what makes a `View`


def installation(packages: Iterable[str]) -> tuple[str, ...]:
    """What Python needs to run here: itself, its libraries, the system's libraries, and the
    named packages wherever they are installed.
    """
    paths = {*_SYSTEM_LIBRARIES, sys.executable, os.path.realpath(sys.executable)}
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    paths |= prefixes - {"/usr"}
    for path in (*sys.path, site.getusersitepackages()):
        if path.endswith(("site-packages", "dist-packages")):
            paths.add(path)
    for package in packages:
        paths |= {str(location) for location in locations(package)}
    existing = {path for path in paths if os.path.lexists(path)}
    outermost = [path for path in existing if not _lies_below_another(path, existing)]
    return tuple(sorted(outermost))


def _lies_below_another(path: str, others: Iterable[str]) -> bool:
    return any(Path(other) in Path(path).parents for other in others)


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
    if spec.has_location and spec.origin:
        return [Path(spec.origin).resolve()]
    return []


def hidden(packages: Sequence[str], folders: Iterable[Path]) -> tuple[str, ...]:
    """What must not be seen though it may lie below what is shown: the question packages and the
    course's folder.
    """
    paths = {str(path) for package in packages for path in locations(package)}
    paths |= {str(Path(folder).resolve()) for folder in folders}
    return tuple(sorted(paths))


# --- whether it can stand here


def advice(error: OSError) -> str:
    """What to do about `error`, as the end of a sentence."""
    text = str(error)
    if "Landlock" in text or "landlock" in text:
        return ": grading needs Linux 5.14 or newer with Landlock switched on"
    if "unshare" in text or "Permission" in text or "not permitted" in text:
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
    if platform.machine() not in seccomp.ARCHITECTURES:
        known = " and ".join(seccomp.ARCHITECTURES)
        return f"walls around submissions are known for {known}, and this is {platform.machine()}"
    return None


def trial() -> str | None:
    """Raise a wall in a process of its own: why it cannot stand here, or None if it does."""
    if (why := supported()) is not None:
        return why
    command = [sys.executable, "-P", "-m", "autograder.sandbox.wall"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else "it ended without a word"


def _try() -> None:
    """Raise a wall in a fork of this process; the exit code says whether it stands."""
    with tempfile.TemporaryDirectory(prefix="wall-") as mount_point:
        try:
            enter_process_namespace()
        except OSError as error:
            sys.exit(f"{error.strerror}{advice(error)}")
        pid = os.fork()
        if pid == 0:
            _try_in_child(mount_point)
        _, status = os.waitpid(pid, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


def _try_in_child(mount_point: str) -> None:
    """Never returns."""
    try:
        view = View(installation(["autograder"]), (), None, mount_point)
        enclose(view, Limits(), os.getpid())
        import numpy  # noqa: F401 -- the installation can be read from inside

        os._exit(0)
    except BaseException as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(1)


if __name__ == "__main__":
    _try()

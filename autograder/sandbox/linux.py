"""The Linux calls that the wall is made of and Python does not have: namespaces, mounts,
capabilities, Landlock, seccomp. No policy here: that is `autograder.sandbox.wall` and
`autograder.sandbox.seccomp`.

Sources: unshare(2), mount(2), mount_setattr(2), pivot_root(2), prctl(2), capabilities(7),
    landlock(7), seccomp(2). Every function raises OSError.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct

CLONE_NEWTIME = 0x80
CLONE_NEWNS = 0x20000
CLONE_NEWCGROUP = 0x2000000
CLONE_NEWUTS = 0x4000000
CLONE_NEWIPC = 0x8000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

ATTR_RDONLY = 1
ATTR_NOSUID = 2
ATTR_NODEV = 4
ATTR_NOEXEC = 8

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_MM = 35
PR_SCHED_CORE = 62
PR_SET_MEMORY_MERGE = 67
_PR_SET_NAME = 15
_PR_CAPBSET_DROP = 24
_PR_SET_SECUREBITS = 28
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR = 442
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446


@functools.cache
def _libc() -> ctypes.CDLL:
    """The C library; looked for when it is needed, because there is none of this kind elsewhere."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


def _checked(result: int, call: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")
    return result


def _syscall(call: str, number: int, *args: object) -> int:
    words = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    result = _libc().syscall(ctypes.c_long(number), *words)
    return _checked(result, call)


def _prctl(call: str, option: int, *args: object) -> None:
    words = [ctypes.c_ulong(arg) if isinstance(arg, int) else arg for arg in args]
    unused = [ctypes.c_ulong(0)] * (4 - len(words))
    result = _libc().prctl(ctypes.c_int(option), *words, *unused)
    _checked(result, call)


def unshare(flags: int) -> None:
    """Move this process (with CLONE_NEWPID: its next child) into new namespaces."""
    _checked(_libc().unshare(ctypes.c_int(flags)), "unshare")


def mount(
    source: str, target: str, kind: str = "", flags: int = 0, options: str = ""
) -> None:
    """Mount `source` at `target`."""
    result = _libc().mount(
        source.encode() or None,
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _checked(result, f"mount {target}")


def restrict_mount(path: str, attributes: int, recursive: bool = True) -> None:
    """Set ATTR_* on the mount at `path`, and on those below it (Linux 5.12)."""
    at_fdcwd = -100
    at_recursive = 0x8000
    to_set, to_clear, propagation, user_namespace = attributes, 0, 0, 0
    mount_attr = struct.pack("=QQQQ", to_set, to_clear, propagation, user_namespace)
    _syscall(
        f"mount_setattr {path}",
        _MOUNT_SETATTR,
        at_fdcwd,
        path.encode(),
        at_recursive if recursive else 0,
        ctypes.create_string_buffer(mount_attr, len(mount_attr)),
        len(mount_attr),
    )


def pivot_root(new_root: str) -> None:
    """Make `new_root` the root folder; the old root and all that is mounted there is gone."""
    mnt_detach = 2
    os.chdir(new_root)
    _syscall("pivot_root", _PIVOT_ROOT[platform.machine()], b".", b".")
    _checked(_libc().umount2(b".", mnt_detach), "umount of the old root")
    os.chdir("/")


def die_with_parent() -> None:
    """SIGKILL for this process when the one that forked it ends. Cleared by a change of user:
    call it after.
    """
    sigkill = 9
    _prctl("prctl(PDEATHSIG)", PR_SET_PDEATHSIG, sigkill)


def name_process(name: str) -> None:
    """What `ps` and `top` call this process: 15 characters at most."""
    _prctl("prctl(NAME)", _PR_SET_NAME, ctypes.c_char_p(name.encode()))


def allow_own_proc() -> None:
    """Give this process its own /proc entry back, which a change of user takes away."""
    _prctl("prctl(DUMPABLE)", PR_SET_DUMPABLE, 1)


def _forbid_new_privileges() -> None:
    _prctl("prctl(NO_NEW_PRIVS)", _PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up every capability, and every way to regain one: nothing executed from here on gets
    privileges.
    """
    pr_cap_ambient_clear_all = 4
    _prctl("prctl(CAP_AMBIENT)", _PR_CAP_AMBIENT, pr_cap_ambient_clear_all)
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    for capability in range(last + 1):
        _prctl("prctl(CAPBSET_DROP)", _PR_CAPBSET_DROP, capability)
    noroot_and_its_lock = 0b11
    no_setuid_fixup_and_its_lock = 0b1100
    secure_bits = noroot_and_its_lock | no_setuid_fixup_and_its_lock
    _prctl("prctl(SECUREBITS)", _PR_SET_SECUREBITS, secure_bits)
    version_3 = 0x20080522
    this_process = 0
    header = ctypes.create_string_buffer(struct.pack("=Ii", version_3, this_process))
    no_capabilities = ctypes.create_string_buffer(24)
    _checked(_libc().capset(header, no_capabilities), "capset")
    _forbid_new_privileges()


# --- Landlock: which parts of the file system may be used, and how (Salaün, Linux 5.13)

FS_EXECUTE = 1 << 0
FS_WRITE_FILE = 1 << 1
FS_READ_FILE = 1 << 2
FS_READ_DIR = 1 << 3
FS_MAKE_CHAR = 1 << 6
FS_MAKE_SOCK = 1 << 9
FS_MAKE_BLOCK = 1 << 11
FS_TRUNCATE = 1 << 14
FS_IOCTL_DEV = 1 << 15
FS_MAKE_NODES = FS_MAKE_CHAR | FS_MAKE_BLOCK
FS_ALL = (1 << 16) - 1

_RIGHTS_KNOWN = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights to files each version of Landlock knows; later ones know all of `FS_ALL`."""

_FIRST_VERSION_THAT_LOGS = 7
_LOG_NO_DENIAL = 1
"""LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF. Of programs started later nothing is logged anyway."""

_RIGHTS_ON_FILES = (
    FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV
)


def landlock_version() -> int:
    """The version of Landlock's interface. Raises OSError where there is none."""
    ask_for_version = 1
    return _syscall("Landlock", _LANDLOCK_CREATE_RULESET, None, 0, ask_for_version)


def landlock(allowed: dict[str, int]) -> None:
    """From now on, allow only `allowed` (rights below each path), no TCP, and no signal or
    abstract socket to anything outside.
    """
    version = landlock_version()
    known = (1 << _RIGHTS_KNOWN.get(version, 16)) - 1
    rules = _landlock_rules(version, known)
    try:
        for path, rights in allowed.items():
            _allow_below(rules, path, rights & known)
        _forbid_new_privileges()
        # Whatever is denied would be written to the machine's log otherwise, without a limit.
        flags = _LOG_NO_DENIAL if version >= _FIRST_VERSION_THAT_LOGS else 0
        _syscall("landlock_restrict_self", _LANDLOCK_RESTRICT_SELF, rules, flags)
    finally:
        os.close(rules)


def _landlock_rules(version: int, known: int) -> int:
    """A new set of rules that forbids all that this version of Landlock can; its descriptor."""
    words = [known]
    if version >= 4:
        bind_and_connect = 0b11
        words.append(bind_and_connect)
    if version >= 6:
        abstract_sockets_and_signals = 0b11
        words.append(abstract_sockets_and_signals)
    attributes = struct.pack(f"={len(words)}Q", *words)
    return _syscall(
        "landlock_create_ruleset",
        _LANDLOCK_CREATE_RULESET,
        ctypes.create_string_buffer(attributes, len(attributes)),
        len(attributes),
        0,
    )


def _allow_below(rules: int, path: str, rights: int) -> None:
    if not os.path.isdir(path):
        rights &= _RIGHTS_ON_FILES
    path_beneath = 1
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, descriptor))
        _syscall(
            f"landlock_add_rule {path}",
            _LANDLOCK_ADD_RULE,
            rules,
            path_beneath,
            rule,
            0,
        )
    finally:
        os.close(descriptor)


# --- seccomp: which system calls may be made


def set_seccomp_filter(program: bytes) -> None:
    """From now on, have `program` (classic BPF, 8 bytes a step) answer every system call."""
    code = ctypes.create_string_buffer(program, len(program))
    sock_fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    mode_filter = 2
    _forbid_new_privileges()
    _prctl(
        "prctl(SECCOMP)",
        PR_SET_SECCOMP,
        mode_filter,
        ctypes.create_string_buffer(sock_fprog, len(sock_fprog)),
    )

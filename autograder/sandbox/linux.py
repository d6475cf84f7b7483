"""The Linux calls that the wall is made of and Python does not have: namespaces, mounts,
capabilities, Landlock, seccomp. No policy here: that is `autograder.sandbox.wall`.

Sources: unshare(2), mount(2), mount_setattr(2), pivot_root(2), prctl(2), capabilities(7),
    landlock(7), seccomp(2). Every function raises OSError.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWTIME = 0x10000000, 0x20000000, 0x40000000, 0x80
CLONE_ANY = (
    CLONE_NEWNS
    | CLONE_NEWCGROUP
    | CLONE_NEWUTS
    | CLONE_NEWIPC
    | CLONE_NEWUSER
    | CLONE_NEWPID
    | CLONE_NEWNET
    | CLONE_NEWTIME
)

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC = 1, 2, 4, 8

(
    _PR_SET_PDEATHSIG,
    _PR_SET_DUMPABLE,
    _PR_SET_SECCOMP,
    _PR_CAPBSET_DROP,
    _PR_SET_SECUREBITS,
    _PR_SET_NO_NEW_PRIVS,
    _PR_CAP_AMBIENT,
) = (
    1,
    4,
    22,
    24,
    28,
    38,
    47,
)


@functools.cache
def _libc() -> ctypes.CDLL:
    """The C library; looked for when it is needed, because there is none of this kind elsewhere."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


def _checked(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def _syscall(what: str, number: int, *args: object) -> int:
    return _checked(
        _libc().syscall(
            ctypes.c_long(number),
            *(ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args),
        ),
        what,
    )


def _prctl(what: str, option: int, *args: object) -> None:
    padded = [*args, 0, 0, 0, 0][:4]
    _checked(
        _libc().prctl(
            ctypes.c_int(option),
            *(ctypes.c_ulong(arg) if isinstance(arg, int) else arg for arg in padded),
        ),
        what,
    )


def unshare(flags: int) -> None:
    """Move this process (with CLONE_NEWPID: its next child) into new namespaces."""
    _checked(_libc().unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount `source` at `target`."""
    arguments = (text.encode() if text else None for text in (source, target, kind))
    source_, target_, kind_ = arguments
    _checked(
        _libc().mount(source_, target_, kind_, ctypes.c_ulong(flags), options.encode() or None),
        f"mount {target}",
    )


def restrict_mount(path: str, attributes: int, recursive: bool = True) -> None:
    """Set ATTR_* on the mount at `path`, and on those below it (Linux 5.12)."""
    at_fdcwd, at_recursive = -100, 0x8000
    wanted = ctypes.create_string_buffer(struct.pack("=QQQQ", attributes, 0, 0, 0))
    _syscall(
        f"mount_setattr {path}",
        442,
        at_fdcwd,
        path.encode(),
        at_recursive if recursive else 0,
        wanted,
        32,
    )


def pivot_root(new_root: str) -> None:
    """Make `new_root` the root folder; the old root and all that is mounted there is gone."""
    os.chdir(new_root)
    _syscall("pivot_root", {"x86_64": 155, "aarch64": 41}[platform.machine()], b".", b".")
    mnt_detach = 2
    _checked(_libc().umount2(b".", mnt_detach), "umount of the old root")
    os.chdir("/")


def die_with_parent() -> None:
    """SIGKILL for this process when the one that forked it ends. Cleared by a change of user:
    call it after.
    """
    _prctl("prctl(PDEATHSIG)", _PR_SET_PDEATHSIG, 9)


def name_process(name: str) -> None:
    """What `ps` and `top` call this process: 15 characters at most."""
    pr_set_name = 15
    _prctl("prctl(NAME)", pr_set_name, ctypes.c_char_p(name.encode()))


def allow_own_proc() -> None:
    """Give this process its own /proc entry back, which a change of user takes away."""
    _prctl("prctl(DUMPABLE)", _PR_SET_DUMPABLE, 1)


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
    noroot_and_its_lock, no_setuid_fixup_and_its_lock = 0b11, 0b1100
    _prctl(
        "prctl(SECUREBITS)", _PR_SET_SECUREBITS, noroot_and_its_lock | no_setuid_fixup_and_its_lock
    )
    version_3 = 0x20080522
    header = ctypes.create_string_buffer(struct.pack("=Ii", version_3, 0))
    _checked(_libc().capset(header, ctypes.create_string_buffer(24)), "capset")
    _prctl("prctl(NO_NEW_PRIVS)", _PR_SET_NO_NEW_PRIVS, 1)


# --- Landlock: which parts of the file system may be used, and how (Salaün, Linux 5.13)

FS_EXECUTE, FS_WRITE_FILE, FS_READ_FILE, FS_READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
FS_MAKE_SOCK, FS_TRUNCATE, FS_IOCTL_DEV = 1 << 9, 1 << 14, 1 << 15
FS_MAKE_NODES = (1 << 6) | (1 << 11)
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
_FS_ON_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV
FS_ALL = (1 << 16) - 1


def landlock_version() -> int:
    """The version of Landlock's interface. Raises OSError where there is none."""
    return _syscall("Landlock", 444, None, 0, 1)


def landlock(allowed: dict[str, int]) -> None:
    """From now on, allow only `allowed` (rights below each path), no TCP, and no signal or
    abstract socket to anything outside.
    """
    version = landlock_version()
    known = (1 << _FS_BITS.get(version, 16)) - 1
    bind_and_connect, signals_and_abstract_sockets = 0b11, 0b11
    attributes = struct.pack(
        "=QQQ",
        known,
        bind_and_connect if version >= 4 else 0,
        signals_and_abstract_sockets if version >= 6 else 0,
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _syscall(
        "landlock_create_ruleset",
        444,
        ctypes.create_string_buffer(attributes, len(attributes)),
        size,
        0,
    )
    try:
        for path, rights in allowed.items():
            mask = known if os.path.isdir(path) else known & _FS_ON_FILES
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                rule = ctypes.create_string_buffer(struct.pack("=Qi", rights & mask, descriptor))
                _syscall(f"landlock_add_rule {path}", 445, rules, 1, rule, 0)
            finally:
                os.close(descriptor)
        _prctl("prctl(NO_NEW_PRIVS)", _PR_SET_NO_NEW_PRIVS, 1)
        _syscall("landlock_restrict_self", 446, rules, 0)
    finally:
        os.close(rules)


# --- seccomp: which system calls may be made

_DENIED = {  # name: (x86_64, aarch64); None where the architecture does not have it
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272), "pidfd_getfd": (438, 438),
    # new namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "quotactl": (179, 60),
    # what would stay behind in the kernel's memory, or is not counted
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "io_setup": (206, 0), "io_submit": (209, 2), "io_getevents": (208, 4),
    "inotify_init": (253, None), "inotify_init1": (294, 26),
    # large, rarely needed parts of the kernel
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "fanotify_init": (300, 262), "personality": (135, 92), "modify_ldt": (154, None),
    "lookup_dcookie": (212, 18),
    # the machine
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "syslog": (103, 116), "vhangup": (153, 58),
    "clock_settime": (227, 112), "settimeofday": (164, 170), "adjtimex": (159, 171), "clock_adjtime": (305, 266), "sethostname": (170, 161),
    "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None), "sched_setaffinity": (203, 122),
}  # fmt: skip
_SOCKET, _SOCKETPAIR, _CLONE, _PRCTL, _CLONE3 = (41, 198), (53, 199), (56, 220), (157, 167), 435
_SETSOCKOPT, _SOL_SOCKET, _SO_SNDBUF, _SO_SNDBUFFORCE = (54, 208), 1, 7, 32
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _JUMP_EQ, _JUMP_GE, _JUMP_ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_EPERM, _ENOSYS, _EOPNOTSUPP = (
    1,
    38,
    95,
)  # the last because ZeroMQ takes it, and no other, for a machine without a network


def seccomp() -> None:
    """From now on: sockets of the Unix family only, no new namespaces, and none of the calls in
    the list above; they fail with EPERM (EOPNOTSUPP for sockets).
    """
    column, architecture = _ARCHITECTURES[platform.machine()]
    program = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQ, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
    ]
    x32 = 0x40000000  # the same calls under other numbers
    program += [(_JUMP_GE, 0, 1, x32), (_RETURN, 0, 0, _ERRNO | _EPERM)] if column == 0 else []
    for numbers in _DENIED.values():
        if (number := numbers[column]) is not None:
            program += [(_JUMP_EQ, 0, 1, number), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    program += [
        (_JUMP_EQ, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
    ]  # its flags lie in memory; the C library falls back to clone
    first_argument, af_unix = (_LOAD, 0, 0, 16), 1
    for numbers in (_SOCKET, _SOCKETPAIR):
        program += [(_JUMP_EQ, 0, 4, numbers[column]), first_argument, (_JUMP_EQ, 1, 0, af_unix)]
        program += [(_RETURN, 0, 0, _ERRNO | _EOPNOTSUPP), (_RETURN, 0, 0, _ALLOW)]
    program += [
        (_JUMP_EQ, 0, 4, _CLONE[column]),
        first_argument,
        (_JUMP_ANY, 0, 1, CLONE_ANY & ~CLONE_NEWTIME),
    ]
    program += [(_RETURN, 0, 0, _ERRNO | _EPERM), (_RETURN, 0, 0, _ALLOW)]
    program += [
        (_JUMP_EQ, 0, 5, _PRCTL[column]),
        first_argument,
        (_JUMP_EQ, 1, 0, _PR_SET_PDEATHSIG),
        (_JUMP_EQ, 0, 1, _PR_SET_DUMPABLE),
    ]
    program += [(_RETURN, 0, 0, _ERRNO | _EPERM), (_RETURN, 0, 0, _ALLOW)]
    # What waits in a socket is memory that nobody counts: its size stays the default.
    program += [
        (_JUMP_EQ, 0, 7, _SETSOCKOPT[column]),
        (_LOAD, 0, 0, 24),
        (_JUMP_EQ, 0, 4, _SOL_SOCKET),
        (_LOAD, 0, 0, 32),
    ]
    program += [
        (_JUMP_EQ, 1, 0, _SO_SNDBUF),
        (_JUMP_EQ, 0, 1, _SO_SNDBUFFORCE),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    program += [(_RETURN, 0, 0, _ALLOW)]

    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    pointer = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    _prctl("prctl(NO_NEW_PRIVS)", _PR_SET_NO_NEW_PRIVS, 1)
    mode_filter = 2
    _prctl("prctl(SECCOMP)", _PR_SET_SECCOMP, mode_filter, pointer)

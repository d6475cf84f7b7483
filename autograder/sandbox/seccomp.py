"""Which system calls a submission may make: the policy, and the seccomp filter that says it.

Three parts: the policy (which call is answered how), the numbers of the calls, and a small
assembler that turns both into a program of classic BPF. Nothing here makes a call: `filter_for`
returns bytes, and `autograder.sandbox.linux.set_seccomp_filter` installs them.

A filter cannot follow a pointer. It sees a call's number and the values of its arguments; of each
argument it compares the lower 32 bits, which is all that the calls below look at.

The unit test interprets the program for the numbers 0 to 1023 and the edges, on both
architectures. Sources: seccomp(2),
Linux's Documentation/networking/filter.rst and its tables of system calls.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from autograder.sandbox.linux import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    PR_SCHED_CORE,
    PR_SET_DUMPABLE,
    PR_SET_MEMORY_MERGE,
    PR_SET_MM,
    PR_SET_PDEATHSIG,
    PR_SET_SECCOMP,
)

_FAIL = 0x00050000  # SECCOMP_RET_ERRNO; the number of the error is added to it


class Answer(IntEnum):
    """What the kernel does with a call: the value that the filter returns. `NOTHING` tells the
    caller that the call was made, and does not make it.
    """

    ALLOW = 0x7FFF0000
    KILL = 0x80000000
    NOTHING = _FAIL
    EPERM = _FAIL + 1
    ENOSYS = _FAIL + 38
    EOPNOTSUPP = _FAIL + 95


# --- the policy


class Operator(StrEnum):
    """How a condition compares an argument with its value."""

    EQUALS = "=="
    DIFFERS_FROM = "!="
    HAS_A_BIT_OF = "&"


@dataclass(frozen=True)
class Condition:
    """Argument number `argument`, counted from 0, compared with `value`."""

    argument: int
    operator: Operator
    value: int


@dataclass(frozen=True)
class Rule:
    """`call` gets `answer` when all `conditions` hold. The first rule that fits counts."""

    call: str
    answer: Answer
    conditions: tuple[Condition, ...] = ()


DENIED = {
    "looks into other processes, or takes descriptors from them": (
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "kcmp",
        "pidfd_getfd",
        "process_madvise",
        "process_mrelease",
        "move_pages",
        "migrate_pages",
    ),
    "tells which pages of a file others have read": (
        "mincore",
        "cachestat",
    ),
    "makes or asks for rules of a security module": (
        "landlock_create_ruleset",
        "landlock_add_rule",
        "landlock_restrict_self",
        "lsm_get_self_attr",
        "lsm_set_self_attr",
        "lsm_list_modules",
    ),
    "makes namespaces or mounts, changes the root folder, opens files around the mounts": (
        "unshare",
        "setns",
        "mount",
        "umount2",
        "pivot_root",
        "chroot",
        "open_tree",
        "move_mount",
        "fsopen",
        "fsconfig",
        "fsmount",
        "fspick",
        "mount_setattr",
        "name_to_handle_at",
        "open_by_handle_at",
        "quotactl",
        "quotactl_fd",
        "statmount",
        "listmount",
        "sysfs",
    ),
    "takes memory that nobody counts, or leaves something in the kernel's": (
        "keyctl",
        "add_key",
        "request_key",
        "shmget",
        "shmat",
        "shmctl",
        "msgget",
        "semget",
        "mq_open",
        "memfd_create",
        "memfd_secret",
        "io_setup",
        "io_submit",
        "io_getevents",
        "vmsplice",
        "inotify_init",
        "inotify_init1",
    ),
    "opens large parts of the kernel that are rarely needed": (
        "bpf",
        "perf_event_open",
        "seccomp",
        "userfaultfd",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "fanotify_init",
        "personality",
        "modify_ldt",
        "lookup_dcookie",
    ),
    "changes the machine": (
        "init_module",
        "finit_module",
        "delete_module",
        "kexec_load",
        "kexec_file_load",
        "reboot",
        "swapon",
        "swapoff",
        "acct",
        "syslog",
        "vhangup",
        "clock_settime",
        "settimeofday",
        "adjtimex",
        "clock_adjtime",
        "sethostname",
        "setdomainname",
        "iopl",
        "ioperm",
    ),
    "takes a kernel off the processor that its warden confined it to, or ahead of others": (
        "sched_setaffinity",
        "sched_setattr",
        "ioprio_set",
    ),
    "writes other programs' files to the disk": ("sync", "syncfs"),
}
"""What each group of calls does that no answer needs. They fail with EPERM."""

AF_UNIX = 1
SOL_SOCKET, SO_SNDBUF, SO_SNDBUFFORCE = 1, 7, 32
SO_ATTACH_FILTER, SO_ATTACH_BPF = 26, 50
SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF = 51, 52
RLIMIT_CPU = 0
RWF_NOWAIT = 0x8
MADV_PAGEOUT = 21
MAP_SHARED, MAP_ANONYMOUS, MAP_HUGETLB = 0x1, 0x20, 0x40000
F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW = 6, 7, 37, 38
F_SETLEASE, F_NOTIFY = 1024, 1026
NEW_NAMESPACES = (
    CLONE_NEWNS
    | CLONE_NEWCGROUP
    | CLONE_NEWUTS
    | CLONE_NEWIPC
    | CLONE_NEWUSER
    | CLONE_NEWPID
    | CLONE_NEWNET
)
"""Without CLONE_NEWTIME: its bit is part of a signal's number where clone reads it."""


def _deny(call: str, *conditions: Condition, answer: Answer = Answer.EPERM) -> Rule:
    return Rule(call, answer, conditions)


def _deny_each(groups: dict[str, tuple[str, ...]]) -> Iterator[Rule]:
    for calls in groups.values():
        for call in calls:
            yield _deny(call)


_RIGHTS_AND_TIMES_BY_PATH = (
    "chmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "lchown",
    "fchownat",
    "utime",
    "utimes",
    "futimesat",
    "utimensat",
)
_ATTRIBUTES = (
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
)
_NO_UNIX_SOCKET = Condition(0, Operator.DIFFERS_FROM, AF_UNIX)
_OF_THE_SOCKET = Condition(1, Operator.EQUALS, SOL_SOCKET)

POLICY = (
    *_deny_each(DENIED),
    # The flags of clone3 and openat2 lie in memory, where no filter reads them: whoever calls
    # them takes clone and openat instead.
    _deny("clone3", answer=Answer.ENOSYS),
    _deny("openat2", answer=Answer.ENOSYS),
    _deny("clone", Condition(0, Operator.HAS_A_BIT_OF, NEW_NAMESPACES)),
    # EOPNOTSUPP: ZeroMQ takes this error, and no other, for a machine without a network.
    _deny("socket", _NO_UNIX_SOCKET, answer=Answer.EOPNOTSUPP),
    _deny("socketpair", _NO_UNIX_SOCKET, answer=Answer.EOPNOTSUPP),
    # What is read only if it is in memory already says what others have read: messages could pass
    # between submissions. EOPNOTSUPP is what file systems say that do not know the flag.
    _deny(
        "preadv2",
        Condition(5, Operator.HAS_A_BIT_OF, RWF_NOWAIT),
        answer=Answer.EOPNOTSUPP,
    ),
    # Nor does a submission have files of the installation forgotten: what it leaves in memory would
    # be a message, and all others would wait for the disk. Both calls are advice, which Linux may
    # pass over.
    _deny("fadvise64", answer=Answer.NOTHING),
    _deny(
        "madvise",
        Condition(2, Operator.EQUALS, MADV_PAGEOUT),
        answer=Answer.NOTHING,
    ),
    # Its end by a limit that it set itself would look like its end by somebody else's hand.
    _deny("setrlimit", Condition(0, Operator.EQUALS, RLIMIT_CPU)),
    _deny("prlimit64", Condition(1, Operator.EQUALS, RLIMIT_CPU)),
    # A submission must not outlive its warden, nor hide its memory from it.
    _deny("prctl", Condition(0, Operator.EQUALS, PR_SET_PDEATHSIG)),
    _deny("prctl", Condition(0, Operator.EQUALS, PR_SET_DUMPABLE)),
    # Nor may a program pass for a fork of the zygote, which its place of the stack tells.
    _deny("prctl", Condition(0, Operator.EQUALS, PR_SET_MM)),
    # Pages that are shared under no name stay when they are unmapped but for one of them, and count
    # for no process then. Files in /dev/shm count for the disk.
    _deny(
        "mmap",
        Condition(3, Operator.HAS_A_BIT_OF, MAP_SHARED),
        Condition(3, Operator.HAS_A_BIT_OF, MAP_ANONYMOUS),
    ),
    # Large pages that the machine keeps for others count for no process.
    _deny("mmap", Condition(3, Operator.HAS_A_BIT_OF, MAP_HUGETLB)),
    # A lock on a file of the installation is seen by every other submission, and memory that nobody
    # counts holds each of a million locks on one's own. Within one submission nobody needs them;
    # libraries that lock a file of theirs go on as if they had.
    _deny("flock", answer=Answer.NOTHING),
    *(
        _deny("fcntl", Condition(1, Operator.EQUALS, command), answer=Answer.NOTHING)
        for command in (F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW)
    ),
    # Who reads in a folder of the installation, or opens a file of it, is told to nobody.
    _deny("fcntl", Condition(1, Operator.EQUALS, F_NOTIFY)),
    _deny("fcntl", Condition(1, Operator.EQUALS, F_SETLEASE)),
    # /proc/self/exe leads to the machine's own Python past every read-only mount, and Landlock does
    # not look at these calls: where an ordinary user grades who has installed Python, a submission
    # could change who may run and write it. Calls by descriptor are left alone, because Landlock
    # lets nobody open that file. Within one submission nobody needs rights or times; libraries that
    # copy them go on as if they had.
    *(_deny(call, answer=Answer.NOTHING) for call in _RIGHTS_AND_TIMES_BY_PATH),
    # The same file would lose its attributes. And what is attached to a file in memory (64 kB of
    # access rights, say) counts neither for a process nor for the disk. EOPNOTSUPP is what file
    # systems say that attach nothing.
    *(_deny(call, answer=Answer.EOPNOTSUPP) for call in _ATTRIBUTES),
    # Whoever shares a processor's core with nobody keeps the other half of it idle.
    _deny("prctl", Condition(0, Operator.EQUALS, PR_SCHED_CORE)),
    # Whether a page equals one of another submission's would show in the time of a write.
    _deny("prctl", Condition(0, Operator.EQUALS, PR_SET_MEMORY_MERGE)),
    # Linux compiles filters of calls and of sockets into memory that counts for no group, and of
    # which the machine has a fixed amount: were that used up, no later wall could be raised. A
    # filter may write to the machine's log, too.
    _deny("prctl", Condition(0, Operator.EQUALS, PR_SET_SECCOMP)),
    # What waits in a socket is memory that nobody counts: its size stays the default.
    *(
        _deny("setsockopt", _OF_THE_SOCKET, Condition(2, Operator.EQUALS, option))
        for option in (
            SO_ATTACH_FILTER,
            SO_ATTACH_BPF,
            SO_ATTACH_REUSEPORT_CBPF,
            SO_ATTACH_REUSEPORT_EBPF,
            SO_SNDBUF,
            SO_SNDBUFFORCE,
        )
    ),
)
"""All rules. A call that no rule names is allowed."""

LAST_REVIEWED = 462
"""The newest call that was weighed against this policy: mseal, of Linux 6.10. Later ones get
ENOSYS, as on an older Linux, and whoever calls one falls back. Of those that exist (463 to 471:
extended attributes and file attributes by descriptor, open_tree_attr, listns, rseq_slice_yield)
neither the C library nor the frameworks need any.
"""

FIRST_COMMON = 424
"""From here on a call has the same number on all architectures."""


# --- the numbers


class Architecture(NamedTuple):
    """audit:    how seccomp names it (AUDIT_ARCH_* of Linux's audit.h).
    column:   of `NUMBERS`.
    last_own: its last call with a number of its own; up to `FIRST_COMMON` nothing follows that a
              program calls.
    has_x32:  every call exists a second time, under the number plus `X32`.
    """

    audit: int
    column: int
    last_own: int
    has_x32: bool


ARCHITECTURES = {
    "x86_64": Architecture(audit=0xC000003E, column=0, last_own=334, has_x32=True),
    "aarch64": Architecture(audit=0xC00000B7, column=1, last_own=294, has_x32=False),
}
X32 = 0x40000000

NUMBERS: dict[str, tuple[int | None, int | None]] = {
    # name: (x86_64, aarch64); None where the architecture does not have it
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "cachestat": (451, 451),
    "chmod": (90, None),
    "chown": (92, None),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "fadvise64": (221, 223),
    "fanotify_init": (300, 262),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchownat": (260, 54),
    "fcntl": (72, 25),
    "finit_module": (313, 273),
    "flock": (73, 32),
    "fremovexattr": (199, 16),
    "fsconfig": (431, 431),
    "fsetxattr": (190, 7),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "futimesat": (261, None),
    "init_module": (175, 105),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "io_getevents": (208, 4),
    "io_setup": (206, 0),
    "io_submit": (209, 2),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "ioprio_set": (251, 30),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "landlock_add_rule": (445, 445),
    "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446),
    "lchown": (94, None),
    "listmount": (458, 458),
    "lookup_dcookie": (212, 18),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "lsm_get_self_attr": (459, 459),
    "lsm_list_modules": (461, 461),
    "lsm_set_self_attr": (460, 460),
    "madvise": (28, 233),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "mincore": (27, 232),
    "mmap": (9, 222),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "prctl": (157, 167),
    "preadv2": (327, 286),
    "prlimit64": (302, 261),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "removexattr": (197, 14),
    "request_key": (249, 218),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "seccomp": (317, 277),
    "semget": (64, 190),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "setrlimit": (160, 164),
    "setsockopt": (54, 208),
    "settimeofday": (164, 170),
    "setxattr": (188, 5),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmget": (29, 194),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "statmount": (457, 457),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sync": (162, 81),
    "syncfs": (306, 267),
    "sysfs": (139, None),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "utime": (132, None),
    "utimensat": (280, 88),
    "utimes": (235, None),
    "vhangup": (153, 58),
    "vmsplice": (278, 75),
}


# --- the assembler


class Instruction(NamedTuple):
    """One step of classic BPF (struct sock_filter): how many steps a jump passes over where its
    test holds and where it does not, and a value.
    """

    code: int
    if_true: int
    if_false: int
    value: int


LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
CALL_NUMBER, CALL_ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # in struct seccomp_data
FARTHEST_JUMP = 255
LONGEST_PROGRAM = 4096
NEXT = ""


class Assembler:
    """Collects the steps of a program. A jump names the label that it goes to, or `NEXT`, the
    step after it; labels lie ahead, because classic BPF cannot jump back.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[int, str, str, int]] = []
        self._labels: dict[str, int] = {}

    def load(self, offset: int) -> None:
        """Take the word at `offset` of struct seccomp_data as what is compared from now on."""
        self._steps.append((LOAD, NEXT, NEXT, offset))

    def jump(
        self, test: int, value: int, *, if_true: str = NEXT, if_false: str = NEXT
    ) -> None:
        """Compare, and go to one label or the other."""
        self._steps.append((test, if_true, if_false, value))

    def answer(self, answer: Answer) -> None:
        """End here with `answer`."""
        self._steps.append((RETURN, NEXT, NEXT, answer))

    def label(self, name: str) -> None:
        """Give the next step a name."""
        if name in self._labels:
            raise ValueError(f"two labels are called {name}")
        self._labels[name] = len(self._steps)

    def program(self) -> list[Instruction]:
        """The steps, their labels turned into distances. Raises ValueError for a jump that is
        too far or goes back, and for a program that is too long.
        """
        if len(self._steps) > LONGEST_PROGRAM:
            raise ValueError(f"a filter has at most {LONGEST_PROGRAM} steps")
        return [
            Instruction(
                code, self._distance(at, if_true), self._distance(at, if_false), value
            )
            for at, (code, if_true, if_false, value) in enumerate(self._steps)
        ]

    def _distance(self, position: int, label: str) -> int:
        if label == NEXT:
            return 0
        if label not in self._labels:
            raise ValueError(f"there is no label {label}")
        distance = self._labels[label] - position - 1
        if not 0 <= distance <= FARTHEST_JUMP:
            raise ValueError(
                f"{label} is {distance} steps away; a jump passes 0 to 255"
            )
        return distance


def assemble(machine: str) -> list[Instruction]:
    """The filter for `machine`, a key of `ARCHITECTURES`."""
    architecture = ARCHITECTURES[machine]
    filter_ = Assembler()
    filter_.load(CALL_ARCHITECTURE)
    filter_.jump(JUMP_EQUAL, architecture.audit, if_true="same architecture")
    filter_.answer(Answer.KILL)
    filter_.label("same architecture")
    filter_.load(CALL_NUMBER)
    if architecture.has_x32:
        _answer_range(filter_, range(X32, 2**32), Answer.EPERM)
    for numbers in unreviewed(architecture):
        _answer_range(filter_, numbers, Answer.ENOSYS)
    for position, rule in enumerate(POLICY):
        number = NUMBERS[rule.call][architecture.column]
        if number is not None:
            _apply(filter_, rule, number, after=f"after rule {position}")
    filter_.answer(Answer.ALLOW)
    return filter_.program()


def unreviewed(architecture: Architecture) -> tuple[range, range]:
    """The numbers of which the policy does not know what they do."""
    between = range(architecture.last_own + 1, FIRST_COMMON)
    newer = range(LAST_REVIEWED + 1, 2**32)
    return between, newer


def _answer_range(filter_: Assembler, numbers: range, answer: Answer) -> None:
    after = f"after {numbers}"
    filter_.jump(JUMP_AT_LEAST, numbers.start, if_false=after)
    if numbers.stop < 2**32:
        filter_.jump(JUMP_AT_LEAST, numbers.stop, if_true=after)
    filter_.answer(answer)
    filter_.label(after)


def _apply(filter_: Assembler, rule: Rule, number: int, after: str) -> None:
    """Answer call `number` as `rule` says, or go on to `after` with the number loaded again."""
    filter_.jump(JUMP_EQUAL, number, if_false=after)
    for condition in rule.conditions:
        filter_.load(FIRST_ARGUMENT + 8 * condition.argument)
        match condition.operator:
            case Operator.EQUALS:
                filter_.jump(JUMP_EQUAL, condition.value, if_false=after)
            case Operator.DIFFERS_FROM:
                filter_.jump(JUMP_EQUAL, condition.value, if_true=after)
            case Operator.HAS_A_BIT_OF:
                filter_.jump(JUMP_BITS, condition.value, if_false=after)
    filter_.answer(rule.answer)
    filter_.label(after)
    if rule.conditions:
        filter_.load(CALL_NUMBER)


def filter_for(machine: str) -> bytes:
    """The filter for `machine`, as the kernel reads it."""
    return b"".join(
        struct.pack("=HBBI", *instruction) for instruction in assemble(machine)
    )

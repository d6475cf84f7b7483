"""The seccomp filter, interpreted: what it answers to every call on both architectures, against the
policy that it was assembled from.
"""

from __future__ import annotations

import itertools
import re
import struct
from pathlib import Path

import pytest

from autograder.sandbox import linux, seccomp
from autograder.sandbox.seccomp import (
    ARCHITECTURES,
    LAST_REVIEWED,
    NUMBERS,
    POLICY,
    X32,
    Answer,
    Assembler,
    Instruction,
    Operator,
)

NO_ARGUMENTS = (0, 0, 0, 0, 0, 0)
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}

machines = pytest.mark.parametrize("machine", sorted(ARCHITECTURES))


def interpret(program, audit, number, arguments=NO_ARGUMENTS):
    """What the kernel's interpreter of classic BPF returns for one call (struct seccomp_data)."""
    data = struct.pack("<IIQ6Q", number, audit, 0, *arguments)
    position, accumulator = 0, 0
    while True:
        step = program[position]
        position += 1
        match step.code:
            case seccomp.LOAD:
                (accumulator,) = struct.unpack_from("<I", data, step.value)
            case seccomp.RETURN:
                return step.value
            case seccomp.JUMP_EQUAL:
                position += step.if_true if accumulator == step.value else step.if_false
            case seccomp.JUMP_AT_LEAST:
                position += step.if_true if accumulator >= step.value else step.if_false
            case seccomp.JUMP_BITS:
                position += step.if_true if accumulator & step.value else step.if_false
            case code:
                raise AssertionError(f"no such step: {code:#x}")


def holds(condition, arguments):
    argument = arguments[condition.argument] & 0xFFFFFFFF
    match condition.operator:
        case Operator.EQUALS:
            return argument == condition.value
        case Operator.DIFFERS_FROM:
            return argument != condition.value
        case Operator.HAS_A_BIT_OF:
            return argument & condition.value != 0


def policy(machine, number, arguments=NO_ARGUMENTS):
    """What the tables say, without a program."""
    architecture = ARCHITECTURES[machine]
    if architecture.has_x32 and number >= X32:
        return Answer.EPERM
    if architecture.last_own < number < seccomp.FIRST_COMMON or number > LAST_REVIEWED:
        return Answer.ENOSYS
    for rule in POLICY:
        named = NUMBERS[rule.call][architecture.column] == number
        if named and all(holds(condition, arguments) for condition in rule.conditions):
            return rule.answer
    return Answer.ALLOW


def filtered(machine):
    """The answers of the assembled program, as a function of number and arguments."""
    program = seccomp.assemble(machine)
    audit = ARCHITECTURES[machine].audit
    return lambda number, arguments=NO_ARGUMENTS: interpret(
        program, audit, number, arguments
    )


def number(machine, call):
    return NUMBERS[call][ARCHITECTURES[machine].column]


def edges(value):
    """Values on both sides of what a rule compares with, the upper half of the word included."""
    bits = [1 << bit for bit in range(32)]
    return {
        0,
        value - 1,
        value,
        value + 1,
        ~value & 0xFFFFFFFF,
        value | 1 << 32,
        2**32,
        *bits,
    }


def arguments_to_try(call):
    """For each argument that a rule on `call` looks at: the edges of all its values."""
    values = [{0} for _ in range(6)]
    for rule in POLICY:
        for condition in rule.conditions if rule.call == call else ():
            values[condition.argument] |= edges(condition.value)
    return itertools.product(
        *(sorted(value for value in few if value >= 0) for few in values)
    )


# --- the program is the policy


@machines
def test_every_number_is_answered_as_the_policy_says(machine):
    answer = filtered(machine)
    numbers = [
        *range(1024),
        X32 - 1,
        *range(X32, X32 + 1024),
        2**31 - 1,
        2**31,
        2**32 - 1,
    ]
    assert {n: answer(n) for n in numbers} == {n: policy(machine, n) for n in numbers}


@machines
@pytest.mark.parametrize(
    "call", sorted({rule.call for rule in POLICY if rule.conditions})
)
def test_every_argument_that_matters_is_answered_as_the_policy_says(machine, call):
    answer, call_number = filtered(machine), number(machine, call)
    tried = list(arguments_to_try(call))
    assert len(tried) > 32
    for arguments in tried:
        assert answer(call_number, arguments) == policy(
            machine, call_number, arguments
        ), arguments


@machines
def test_a_call_of_another_architecture_ends_the_process(machine):
    program = seccomp.assemble(machine)
    i386, arm = 0x40000003, 0x40000028
    others = {i386, arm, 0, *(other.audit for other in ARCHITECTURES.values())}
    for audit in others - {ARCHITECTURES[machine].audit}:
        assert {interpret(program, audit, n) for n in range(500)} == {Answer.KILL}


# --- the policy is what is meant


@machines
def test_only_sockets_of_the_unix_family_can_be_made(machine):
    answer = filtered(machine)
    for call in ("socket", "socketpair"):
        allowed = [
            family
            for family in range(64)
            if answer(number(machine, call), (family, 1, 0, 0, 0, 0)) == Answer.ALLOW
        ]
        assert allowed == [seccomp.AF_UNIX]


@machines
def test_processes_and_threads_can_be_made_but_no_namespaces(machine):
    answer, clone = filtered(machine), number(machine, "clone")
    fork, thread = 0x01200011, 0x003D0F00  # the flags that the C library gives
    for flags in (fork, thread):
        assert answer(clone, (flags, 0, 0, 0, 0, 0)) == Answer.ALLOW
    for flag in (name for name in vars(linux) if name.startswith("CLONE_NEW")):
        if flag != "CLONE_NEWTIME":  # no flag of clone's
            flags = fork | getattr(linux, flag)
            assert answer(clone, (flags, 0, 0, 0, 0, 0)) == Answer.EPERM, flag
    assert answer(number(machine, "clone3")) == Answer.ENOSYS


@machines
def test_a_process_keeps_its_tie_to_its_warden_its_memory_in_sight_and_its_core_shared(
    machine,
):
    answer, prctl = filtered(machine), number(machine, "prctl")
    denied = [
        option
        for option in range(100)
        if answer(prctl, (option, 0, 0, 0, 0, 0)) != Answer.ALLOW
    ]
    assert denied == [
        linux.PR_SET_PDEATHSIG,
        linux.PR_SET_DUMPABLE,
        linux.PR_SET_SECCOMP,
        linux.PR_SET_MM,
        linux.PR_SCHED_CORE,
        linux.PR_SET_MEMORY_MERGE,
    ]


@machines
def test_a_file_is_read_but_nobody_learns_what_is_in_memory_already(machine):
    """The same pages are in memory for all submissions: what one reads, another could see."""
    answer, preadv2 = filtered(machine), number(machine, "preadv2")
    for flags in range(32):
        refused = answer(preadv2, (3, 0, 1, 0, 0, flags)) == Answer.EOPNOTSUPP
        assert refused == bool(flags & 0x8), flags
    assert {answer(number(machine, call)) for call in ("mincore", "cachestat")} == {
        Answer.EPERM
    }


@machines
def test_what_is_in_memory_is_not_forgotten_by_anybodys_advice(machine):
    answer, madvise = filtered(machine), number(machine, "madvise")
    assert answer(number(machine, "fadvise64")) == Answer.NOTHING
    told = {
        advice
        for advice in range(128)
        if answer(madvise, (0, 4096, advice, 0, 0, 0)) != Answer.ALLOW
    }
    pageout = 21
    assert told == {pageout}
    assert answer(madvise, (0, 4096, pageout, 0, 0, 0)) == Answer.NOTHING


@machines
def test_no_process_limits_its_own_time(machine):
    """Ended by such a limit, it would seem to have been ended by somebody else."""
    answer = filtered(machine)
    rlimit_cpu = 0
    for resource in range(16):
        for call, arguments in (
            ("setrlimit", (resource,)),
            ("prlimit64", (0, resource)),
        ):
            padded = (*arguments, *NO_ARGUMENTS)[:6]
            expected = Answer.EPERM if resource == rlimit_cpu else Answer.ALLOW
            assert answer(number(machine, call), padded) == expected, (call, resource)


@machines
def test_nobody_behind_the_wall_makes_rules_of_landlock(machine):
    """Each takes memory of the kernel's that no limit counts."""
    answer = filtered(machine)
    for call in (
        "landlock_create_ruleset",
        "landlock_add_rule",
        "landlock_restrict_self",
    ):
        assert answer(number(machine, call)) == Answer.EPERM


@machines
def test_memory_is_shared_by_a_file_or_not_at_all(machine):
    answer, mmap = filtered(machine), number(machine, "mmap")
    shared, private, shared_and_checked, anonymous, fixed, stack = (
        1,
        2,
        3,
        0x20,
        0x10,
        0x20000,
    )

    def mapped(flags):
        return answer(mmap, (0, 2**24, 3, flags, 2**64 - 1, 0))

    for flags in (
        private,
        private | anonymous,
        private | anonymous | stack,
        shared | fixed,
    ):
        assert mapped(flags) == Answer.ALLOW
    for flags in (shared, shared | fixed, shared_and_checked):
        assert mapped(flags | anonymous) == Answer.EPERM
    large_pages = 0x40000
    assert mapped(private | anonymous | large_pages) == Answer.EPERM
    assert answer(number(machine, "vmsplice")) == Answer.EPERM


@machines
def test_a_lock_is_made_by_nobody_and_who_reads_a_file_is_told_to_nobody(machine):
    """Files of the installation are the same ones for all submissions."""
    answer, fcntl = filtered(machine), number(machine, "fcntl")
    answers = {
        command: answer(fcntl, (3, command, 0, 0, 0, 0))
        for command in [*range(64), *range(1024, 1056)]
    }
    told = {command for command, found in answers.items() if found == Answer.NOTHING}
    refused = {command for command, found in answers.items() if found == Answer.EPERM}
    setlk, setlkw, ofd_setlk, ofd_setlkw, setlease, notify = 6, 7, 37, 38, 1024, 1026
    assert (told, refused) == (
        {setlk, setlkw, ofd_setlk, ofd_setlkw},
        {setlease, notify},
    )
    assert answer(number(machine, "flock")) == Answer.NOTHING
    assert Answer.NOTHING & 0xFFFF == 0, "the error that is none"


RIGHTS_AND_TIMES = re.compile(r"(f?ch(mod|own)(at2?)?|lchown|f?utimes?(at)?|utimensat)")


@machines
def test_rights_and_times_are_changed_by_nobody_who_names_a_file(machine):
    """/proc/self/exe names the machine's own Python, past every read-only mount."""
    answer = filtered(machine)
    named = {call for call in NUMBERS if RIGHTS_AND_TIMES.fullmatch(call)}
    assert len(named) == 10
    for call in named:
        if number(machine, call) is not None:
            assert answer(number(machine, call)) == Answer.NOTHING, call
    fchmod, fchown = {"x86_64": (91, 93), "aarch64": (52, 55)}[machine]
    assert answer(fchmod) == answer(fchown) == Answer.ALLOW  # of a file that was opened


@machines
def test_nothing_is_attached_to_a_file_or_taken_from_it(machine):
    """It would be memory of the kernel's that no limit counts, or the machine's Python's."""
    answer = filtered(machine)
    for change in ("set", "remove"):
        for kind in ("", "l", "f"):
            call = f"{kind}{change}xattr"
            assert answer(number(machine, call)) == Answer.EOPNOTSUPP, call


@machines
def test_a_sockets_buffer_keeps_its_size_and_nothing_is_attached_to_it(machine):
    answer, setsockopt = filtered(machine), number(machine, "setsockopt")
    denied = {
        (level, option)
        for level in range(8)
        for option in range(96)
        if answer(setsockopt, (3, level, option, 0, 4, 0)) != Answer.ALLOW
    }
    sol_socket, sndbuf, sndbufforce = 1, 7, 32
    attach_filter, attach_bpf, reuseport_cbpf, reuseport_ebpf = 26, 50, 51, 52
    attach = {attach_filter, attach_bpf, reuseport_cbpf, reuseport_ebpf}
    assert denied == {(sol_socket, option) for option in {sndbuf, sndbufforce} | attach}


@machines
def test_nobody_behind_the_wall_installs_a_filter(machine):
    """Each takes memory of which the whole machine has a fixed amount."""
    answer = filtered(machine)
    assert answer(number(machine, "seccomp")) == Answer.EPERM
    filter_mode = (linux.PR_SET_SECCOMP, 2, 0, 0, 0, 0)
    assert answer(number(machine, "prctl"), filter_mode) == Answer.EPERM


@machines
def test_calls_that_nobody_has_reviewed_do_not_exist(machine):
    answer = filtered(machine)
    rseq = {"x86_64": 334, "aarch64": 293}
    pidfd_send_signal, mseal, open_tree_attr, listns = 424, 462, 467, 470
    assert (
        answer(rseq[machine])
        == answer(pidfd_send_signal)
        == answer(mseal)
        == Answer.ALLOW
    )
    assert mseal == LAST_REVIEWED
    for call in (open_tree_attr, listns, 1000, X32 - 1):
        assert answer(call) == Answer.ENOSYS


def test_x32_gives_no_second_way_to_a_denied_call():
    answer = filtered("x86_64")
    assert {answer(X32 + n) for n in range(1024)} == {Answer.EPERM}


def test_every_rule_has_a_number_and_every_number_a_rule():
    assert {rule.call for rule in POLICY} == set(NUMBERS)
    for column in (0, 1):
        known = [
            numbers[column]
            for numbers in NUMBERS.values()
            if numbers[column] is not None
        ]
        assert len(known) == len(set(known))


@machines
def test_the_numbers_are_those_of_the_systems_headers(machine):
    if not HEADERS[machine].exists():
        pytest.skip(f"{HEADERS[machine]} is not installed")
    lines = re.findall(
        r"^#define __NR_(\w+)\s+(\d+)", HEADERS[machine].read_text(), re.MULTILINE
    )
    header = {name: int(value) for name, value in lines}
    # Older headers do not have the newest calls.
    compared = NUMBERS.keys() & header.keys()
    assert len(compared) >= 65
    assert {call: number(machine, call) for call in compared} == {
        call: header[call] for call in compared
    }


# --- the assembler


def program_of(*steps):
    assembler = Assembler()
    for step in steps:
        step(assembler)
    return assembler.program()


def test_labels_become_distances():
    program = program_of(
        lambda a: a.load(seccomp.CALL_NUMBER),
        lambda a: a.jump(seccomp.JUMP_EQUAL, 7, if_true="end"),
        lambda a: a.answer(Answer.ENOSYS),
        lambda a: a.label("end"),
        lambda a: a.answer(Answer.ALLOW),
    )
    assert program[1] == Instruction(seccomp.JUMP_EQUAL, 1, 0, 7)
    assert interpret(program, 0, 7) == Answer.ALLOW
    assert interpret(program, 0, 8) == Answer.ENOSYS


@pytest.mark.parametrize(("steps_between", "possible"), [(255, True), (256, False)])
def test_a_jump_passes_at_most_255_steps(steps_between, possible):
    assembler = Assembler()
    assembler.jump(seccomp.JUMP_EQUAL, 1, if_true="end")
    for _ in range(steps_between):
        assembler.answer(Answer.ALLOW)
    assembler.label("end")
    assembler.answer(Answer.KILL)
    if possible:
        assert interpret(assembler.program(), 0, 0) == Answer.ALLOW
    else:
        with pytest.raises(
            ValueError, match="end is 256 steps away; a jump passes 0 to 255"
        ):
            assembler.program()


def test_a_program_cannot_go_back_or_to_nowhere():
    with pytest.raises(ValueError, match="-1 steps away"):
        program_of(
            lambda a: a.label("begin"),
            lambda a: a.jump(seccomp.JUMP_EQUAL, 1, if_true="begin"),
        )
    with pytest.raises(ValueError, match="there is no label end"):
        program_of(lambda a: a.jump(seccomp.JUMP_EQUAL, 1, if_true="end"))
    with pytest.raises(ValueError, match="two labels are called end"):
        program_of(lambda a: a.label("end"), lambda a: a.label("end"))


def test_a_program_has_at_most_4096_steps():
    assembler = Assembler()
    for _ in range(4097):
        assembler.answer(Answer.ALLOW)
    with pytest.raises(ValueError, match="at most 4096 steps"):
        assembler.program()


@machines
def test_the_kernel_reads_eight_bytes_a_step(machine):
    steps = list(struct.iter_unpack("=HBBI", seccomp.filter_for(machine)))
    assert steps == [tuple(step) for step in seccomp.assemble(machine)]
    assert len(steps) <= 4096

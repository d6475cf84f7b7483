"""What a kernel's processes use, as it is read in a /proc that is written here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.sandbox import usage

MEGABYTE = 2**20
WARDEN, KERNEL, CHILD, PROGRAM = 10, 11, 12, 13
STACK_OF_THE_ZYGOTE, STACK_OF_A_PROGRAM = 7000, 9000


@dataclass
class Proc:
    """A folder like /proc."""

    root: Path

    def add(
        self,
        process,
        *,
        resident=0,
        swapped=0,
        own=0,
        shared_swapped=0,
        stack=STACK_OF_THE_ZYGOTE,
        children=(),
        name="python",
    ):
        """A process with one thread; sizes in MB."""
        status = f"Name:\t{name}\nUid:\t0\n"
        if resident:
            status += f"VmRSS:\t{resident * 1024} kB\nVmSwap:\t{swapped * 1024} kB\n"
        stat = ["S", *["0"] * 10, "100", "20", "3", "2", *["0"] * 10, str(stack)]
        rollup = (
            f"Pss:  999999999 kB\nPss_Anon: {own * 1024} kB\nPss_File: 99999999 kB\n"
            f"Pss_Shmem: 0 kB\nSwapPss: {shared_swapped * 1024} kB\n"
        )
        folder = self.root / str(process)
        for place in (folder, folder / "task" / str(process)):
            place.mkdir(parents=True)
            (place / "status").write_text(status)
            (place / "stat").write_text(f"{process} ({name}) {' '.join(stat)}")
            (place / "smaps_rollup").write_text(rollup)
        listed = " ".join(map(str, children))
        (folder / "task" / str(process) / "children").write_text(listed)
        return folder


@pytest.fixture
def proc(tmp_path, monkeypatch):
    monkeypatch.setattr(usage, "PROC", tmp_path)
    made = Proc(tmp_path)
    made.add(WARDEN, resident=400, own=30)
    return made


def more_than(megabytes, *processes):
    return usage.use_more_memory(processes, megabytes * MEGABYTE, parent=WARDEN)


def test_a_family_is_all_that_descends_from_the_first(proc):
    proc.add(KERNEL, children=[CHILD])
    proc.add(CHILD, children=[PROGRAM, 99])
    proc.add(PROGRAM)
    assert usage.family(KERNEL) == [KERNEL, CHILD, PROGRAM, 99]  # 99 has just ended


def test_a_child_of_another_thread_belongs_to_the_family(proc):
    folder = proc.add(KERNEL)
    thread = folder / "task" / "77"
    thread.mkdir()
    (thread / "children").write_text(str(CHILD))
    assert usage.family(KERNEL) == [KERNEL, CHILD]


def test_what_a_fork_shares_with_the_warden_is_not_its_own(proc):
    proc.add(KERNEL, resident=500, own=90)
    assert more_than(59, KERNEL)
    assert not more_than(60, KERNEL)


def test_a_program_that_is_begun_anew_shares_nothing(proc):
    proc.add(PROGRAM, resident=500, own=90, stack=STACK_OF_A_PROGRAM)
    assert more_than(89, PROGRAM)
    assert not more_than(90, PROGRAM)


def test_what_is_swapped_out_counts_as_what_is_in_memory(proc):
    proc.add(KERNEL, resident=10, swapped=300, own=35, shared_swapped=300)
    assert more_than(304, KERNEL)
    assert not more_than(305, KERNEL)


def test_a_process_that_ended_uses_nothing(proc):
    proc.add(KERNEL)  # a zombie
    assert not more_than(0, KERNEL, 99)
    assert usage.processor_seconds([99]) == 0


def test_a_process_whose_first_thread_has_ended_is_read_by_another_thread(proc):
    folder = proc.add(KERNEL)
    living = proc.add(CHILD, resident=500, own=90).rename(folder / "task" / "77")
    assert more_than(59, KERNEL)
    assert not more_than(60, KERNEL)
    assert living.exists()


def test_the_name_of_a_program_says_nothing_of_what_it_uses(proc):
    proc.add(KERNEL, resident=500, own=90, name=") S 0 (VmRSS: 0 kB")
    assert more_than(59, KERNEL)
    assert not more_than(60, KERNEL)


def test_processor_time_counts_that_of_children_that_have_ended(proc):
    proc.add(KERNEL)
    proc.add(CHILD, name="a) b")
    ticks = usage.os.sysconf("SC_CLK_TCK")
    assert usage.processor_seconds([KERNEL, CHILD]) == 2 * (100 + 20 + 3 + 2) / ticks


def test_sockets_count_by_their_number(proc):
    folder = proc.add(KERNEL, resident=1)
    assert usage.bytes_in_sockets(KERNEL) == 0
    (folder / "net").mkdir()
    (folder / "net" / "sockstat").write_text("sockets: used 12\nTCP: inuse 0\n")
    assert usage.bytes_in_sockets(KERNEL) == 12 * usage.BYTES_OF_A_SOCKET
    assert usage.bytes_in_sockets(99) == 0

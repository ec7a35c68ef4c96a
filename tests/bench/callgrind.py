"""What callgrind is told from inside of what it runs, and what it writes.

A client request is a sequence of instructions that does nothing on a processor and that valgrind
knows. It cannot be said in Python, so it is put into memory as the bytes that it is.
"""

import ctypes
import mmap
import re
from pathlib import Path

_RUNNING = 0x1001
_TOOL = ord("C") << 24 | ord("T") << 16
_ZERO, _DUMP_AT, _START, _STOP = _TOOL + 1, _TOOL + 3, _TOOL + 4, _TOOL + 5
_CODE_X86_64 = bytes.fromhex(
    "4889f8"  # mov rax, rdi: where the request and its arguments are
    "31d2"  # xor edx, edx: what is returned if no valgrind looks
    "48c1c703 48c1c70d 48c1c73d 48c1c733"  # rol rdi by 3, 13, 61, 51: 128 bits, nothing changes
    "4887db"  # xchg rbx, rbx
    "4889d0 c3"  # return rdx
)
_TRIGGER = re.compile(r"^desc: Trigger: Client Request: (.+)$", re.MULTILINE)
_TOTALS = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


class NotUnderValgrind(Exception):
    """Nobody counts here."""


class Teller:
    """Tells callgrind when to begin to count, and under what name to write what it counted."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(
            -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        )
        self._memory.write(_CODE_X86_64)
        at = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._call = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(at)
        if not self._ask(_RUNNING):
            raise NotUnderValgrind

    def _ask(self, request: int, argument: int = 0) -> int:
        arguments = (ctypes.c_uint64 * 6)(request, argument)
        return int(self._call(ctypes.addressof(arguments)))

    def start(self) -> None:
        """Begin to count, from nothing."""
        self._ask(_START)
        self._ask(_ZERO)

    def stop(self, name: str) -> None:
        """Write what was counted under a name, and count no more."""
        text = ctypes.create_string_buffer(name.encode())
        self._ask(_DUMP_AT, ctypes.addressof(text))
        self._ask(_STOP)


def totals(folder: Path) -> dict[str, int]:
    """Return the instructions that callgrind wrote into files of a folder, by their names."""
    found = {}
    for path in sorted(folder.iterdir()):
        text = path.read_text(errors="replace")
        name, total = _TRIGGER.search(text), _TOTALS.search(text)
        if name is not None and total is not None:
            found[name[1].strip()] = int(total[1])
    return found
